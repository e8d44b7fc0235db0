"""The report as a browser shows it."""

import html.parser
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from microbench.measure.record import Record
from microbench.report.html import MachineReport, Report, RowQuality, Section, TargetVerdicts, render_html
from microbench.report.verdicts import Missing, judge_block, judge_interaction, judge_widths

MakeRecord = Callable[..., Record]

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--virtual-time-budget=2000",
)  # fmt: skip

needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome is installed")

PHONE_PX = 390

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="900" height="300"><rect width="900" height="300"/></svg>'


def browsed(page: Path, folder: Path) -> str:
    """The document after its scripts have run."""
    assert BROWSER is not None
    command = [BROWSER, *FLAGS, f"--user-data-dir={folder / 'profile'}", "--dump-dom", page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def probed(document: str, script: str, folder: Path) -> str:
    """What a script that runs at the page's end puts into its title."""
    path = folder / "probed.html"
    path.write_text(document.replace("</body>", f"<script>document.title = {script};</script></body>"), "utf-8")
    title: str
    (title,) = re.findall(r"<title>(.*?)</title>", browsed(path, folder), flags=re.DOTALL)
    return title


@pytest.fixture
def page(make_record: MakeRecord, tmp_path: Path) -> Report:
    figure = tmp_path / "figure4.svg"
    figure.write_text(SVG)
    table = pd.DataFrame(
        {
            "block": ["conv3x3", "ghost", "<script>alert(1)</script>"],
            "latency ms, onnxruntime fp32, 2 threads": ["2.1 ±0.4%", "10.5 ±0.1%", ""],
            "added ms (95% CI)": ["+3.76 (-2.83 to +10.35)", "-0.59 (-4.50 to +3.31)", "+26.36 (+23.25 to +29.46)"],
        }
    )
    rows = [
        make_record("figure4", "conv", {"block": "conv3x3:bare"}, [1.0, 1.01, 1.02, 1.0, 1.01], macs=7_000_000),
        make_record("figure4", "sep", {"block": "sepconv3x3:bare"}, [1.0, 1.01, 1.02, 1.0, 1.01]),
    ]
    verdicts = (
        judge_block(rows, {}, {}),
        judge_widths([], {}, [Missing("Figure 5", "microbench run figure5")]),
        judge_interaction([], {}),
    )
    machine = MachineReport(
        name="board",
        targets=(TargetVerdicts("onnxruntime fp32", verdicts),),
        sections=(
            Section("figure4", "Figure 4", table, ("A finding.",), (figure,), RowQuality.of(rows)),
            Section("figure5", "Figure 5", missing=Missing("Figure 5", "microbench run figure5")),
        ),
        environment={"processor": "A processor", "libraries": "numpy 2"},
    )
    return Report((machine,))


def test_the_page_loads_nothing_from_anywhere(page: Report) -> None:
    loaded = re.findall(r"""(?:src|href)\s*=\s*["']([^"']+)|url\(([^)]+)|@import""", render_html(page))
    assert {address.split(":")[0] for address, _ in loaded} <= {"data", "https", "#evidence"}
    assert [address for address, _ in loaded if address.startswith("https")] == ["https://arxiv.org/abs/2207.13600"]


def test_the_first_heading_says_what_to_use(page: Report) -> None:
    (heading,) = re.findall(r"<h1>(.*?)</h1>", render_html(page), flags=re.DOTALL)
    text = " ".join(re.sub(r"<[^>]+>", "", heading).split())
    assert text == (
        "On board, in onnxruntime fp32: 3x3 Conv (most efficient of the 2 so far, not decided; accuracy open); "
        "widths not measured; path interaction not measured."
    )


def test_text_of_records_is_never_read_as_html(page: Report) -> None:
    document = render_html(page)
    assert "<script>alert(1)" not in document
    assert "&lt;script&gt;alert(1)" in document


def test_the_numbers_lie_in_the_page_for_machines(page: Report) -> None:
    (data,) = re.findall(
        r'<script type="application/json" id="data">(.*?)</script>', render_html(page), flags=re.DOTALL
    )
    assert json.loads(data) == json.loads(json.dumps(page.as_json()))


def test_all_elements_are_closed(page: Report) -> None:
    class Balance(html.parser.HTMLParser):
        open_tags: list[str] = []  # noqa: RUF012 - one page alone is fed

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
            if tag not in ("meta", "link", "img", "br"):
                self.open_tags.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert self.open_tags.pop() == tag

    parser = Balance()
    parser.feed(render_html(page))
    assert parser.open_tags == []


def test_several_machines_stand_side_by_side(page: Report) -> None:
    document = render_html(Report((page.machines[0], page.machines[0])))
    assert "Side by side" in document
    assert document.count("<h1>") == 2


@pytest.mark.browser
@needs_browser
def test_a_click_on_a_heading_sorts_by_its_numbers_and_a_second_one_reverses(page: Report, tmp_path: Path) -> None:
    script = """(() => {
        const table = document.querySelector("table.sortable");
        const order = (column) => {
            table.tHead.rows[0].cells[column].querySelector("button").click();
            return [...table.tBodies[0].rows].map((row) => row.cells[column].textContent.split(" ")[0]).join(" ");
        };
        return [order(1), order(1), order(2), order(2)].join("; ");
    })()"""
    assert probed(render_html(page), script, tmp_path) == (
        "2.1 10.5 ; 10.5 2.1 ; -0.59 +3.76 +26.36; +26.36 +3.76 -0.59"  # the empty cell stays last
    )


@pytest.mark.browser
@needs_browser
def test_an_address_opens_the_page_with_a_table_sorted(page: Report, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(render_html(page), "utf-8")
    assert BROWSER is not None
    command = [
        BROWSER,
        *FLAGS,
        f"--user-data-dir={tmp_path / 'profile'}",
        "--dump-dom",
        f"{path.as_uri()}#figure4-board:-2",
    ]
    document = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert 'aria-sort="descending"' in document
    assert document.index("+26.36 (") < document.index("+3.76 (") < document.index("-0.59 (")


@pytest.mark.browser
@needs_browser
def test_the_page_is_no_wider_than_a_phone_and_its_figure_is_drawn(page: Report, tmp_path: Path) -> None:
    inner, outer = tmp_path / "inner.html", tmp_path / "outer.html"
    script = """const drawn = () => [...document.images].every((image) => image.naturalWidth > 0);
        const beyond = () => document.documentElement.scrollWidth - document.documentElement.clientWidth;
        addEventListener("load", () => parent.postMessage(`${beyond()} px beyond, drawn: ${drawn()}`, "*"));"""
    inner.write_text(render_html(page).replace("</body>", f"<script>{script}</script></body>"), "utf-8")
    outer.write_text(
        '<title>?</title><script>addEventListener("message", (event) => document.title = event.data)</script>'
        f'<iframe src="inner.html" style="border: 0; width: {PHONE_PX}px; height: 800px"></iframe>'
    )
    assert "<title>0 px beyond, drawn: true</title>" in browsed(outer, tmp_path)


@pytest.mark.browser
@needs_browser
def test_light_and_dark_differ_and_the_button_changes_between_them(page: Report, tmp_path: Path) -> None:
    script = """(() => {
        const colour = () => getComputedStyle(document.body).backgroundColor;
        const seen = [colour()];
        for (let i = 0; i < 2; i++) { document.getElementById("theme").click(); seen.push(colour()); }
        return seen.join("; ");
    })()"""
    first, second, third = probed(render_html(page), script, tmp_path).split("; ")
    assert first == third != second
