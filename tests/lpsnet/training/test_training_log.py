from pathlib import Path

import pytest

from lpsnet.training import training_log


def part(folder: Path, start: int, lines: str) -> None:
    log = folder / f"log-from-{start}"
    log.mkdir()
    (log / "metrics.csv").write_text("images_per_s,loss,step,validation_mean_iou\n" + lines)


def test_a_log_of_several_parts_is_one(tmp_path: Path) -> None:
    # Killed after step 30, resumed from the checkpoint at step 20: step 30 was trained twice and counts once.
    part(tmp_path, 0, "10.0,2.0,10,\n10.0,1.5,20,0.2\n10.0,1.4,30,\n")
    part(tmp_path, 20, "5.0,1.3,30,\n5.0,1.0,40,0.4\n")
    log = training_log(tmp_path, batch_size=4)
    assert log.steps["step"].tolist() == [10, 20, 30, 40]
    assert log.steps["loss"].tolist() == [2.0, 1.5, 1.3, 1.0]
    # 20 steps of 4 images at 10 a second, and 20 at 5 a second.
    assert log.training_s == pytest.approx(20 * 4 / 10 + 20 * 4 / 5)
