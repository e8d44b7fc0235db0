"""Records are written in the random order in which they were measured, and shown in the experiment's own."""

import random
import shutil
from pathlib import Path

from microbench.studies.recorded import look_up, read_recorded

RESULTS = Path(__file__).parents[3] / "results"


def test_rows_are_shown_in_the_experiments_order(tmp_path: Path) -> None:
    lines = (RESULTS / "xeon-2-cores" / "figure5.jsonl").read_text().splitlines(keepends=True)
    random.Random(1).shuffle(lines)
    (tmp_path / "figure5.jsonl").write_text("".join(lines))
    found = read_recorded(["figure5"], tmp_path).records["figure5"]
    widths = [int(record.axes["width"]) for record in found]
    assert widths == sorted(widths)
    assert len(widths) == len(lines)


def test_a_look_up_reads_what_is_recorded_and_measures_nothing(tmp_path: Path) -> None:
    shutil.copytree(RESULTS / "xeon-2-cores", tmp_path / "there")
    before = {path: path.read_bytes() for path in (tmp_path / "there").rglob("*.*")}
    found = look_up("figure4", "there", tmp_path)
    assert len(found.records["figure4"]) == 8
    assert {path: path.read_bytes() for path in (tmp_path / "there").rglob("*.*")} == before
