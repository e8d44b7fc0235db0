"""What the documents show works: code runs, commands parse, links lead somewhere, numbers follow from the results."""

import contextlib
import itertools
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml
from _pytest.mark import ParameterSet
from commands import run_python

from microbench.cli import cli
from microbench.gate.exits import EXIT_INCONCLUSIVE

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "notebooks/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
SLOW = "<!-- slow -->\n"
NOT_RUN = "<!-- not run: [^>]+ -->\n"


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def fenced(path: Path, *languages: str) -> list[str]:
    pattern = rf"^```(?:{'|'.join(languages)})\n(.*?)^```"
    return re.findall(pattern, path.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


def examples() -> Iterator[ParameterSet]:
    """Every Python example but those that a document says are not run."""
    pattern = rf"(?P<slow>{SLOW})?(?P<not_run>{NOT_RUN})?^```python\n(?P<code>.*?)^```"
    for path in DOCUMENTS:
        matches = re.finditer(pattern, path.read_text("utf-8"), re.DOTALL | re.MULTILINE)
        for number, match in enumerate(matches, start=1):
            if not match["not_run"]:
                marks = [pytest.mark.slow] if match["slow"] else []
                yield pytest.param(match["code"], id=f"{name_of(path)}-{number}", marks=marks)


@pytest.mark.subprocess
@pytest.mark.parametrize("code", list(examples()))
def test_an_example_runs_as_a_file_of_its_own_in_an_empty_folder(code: str, tmp_path: Path) -> None:
    script = tmp_path / "example.py"
    script.write_text(code, "utf-8")
    paths = os.pathsep.join(path for path in (str(ROOT), os.environ.get("PYTHONPATH")) if path)
    done = run_python(script.name, cwd=tmp_path, environment={"PYTHONPATH": paths})
    assert done.code == 0, done.err


def shown_commands(path: Path) -> Iterator[list[str]]:
    """Every command line that a document shows, in words: of shell sessions, pipelines of CI, and sentences."""
    text = path.read_text("utf-8")
    sessions = [block.replace("\\\n", " ") for block in fenced(path, "sh", "console")]
    lines = [line.removeprefix("$ ") for session in sessions for line in session.splitlines()]
    lines += [line for block in fenced(path, "yaml") for line in _runs(yaml.safe_load(block))]
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    lines += [
        " ".join(code.split()) for code in re.findall(r"(?<!`)`((?:microbench|make|python\S* -m) [^`]+)`(?!`)", prose)
    ]
    for line in lines:
        words = shlex.split(line, comments=True)
        while words:
            end = next((i for i, word in enumerate(words) if word in ("&&", "||", "|", ">", "&")), len(words))
            yield words[:end]
            words = words[end + 1 :]


def _runs(pipeline: object) -> list[str]:
    """The commands of a CI configuration."""
    if isinstance(pipeline, dict):
        own = pipeline["run"].splitlines() if isinstance(pipeline.get("run"), str) else []
        own += [line for line in pipeline.get("script", []) if isinstance(line, str)]
        return own + [line for value in pipeline.values() for line in _runs(value)]
    return [line for value in pipeline for line in _runs(value)] if isinstance(pipeline, list) else []


def microbench_commands() -> list[ParameterSet]:
    found = {
        " ".join(words[start:]): words[start:]
        for words in itertools.chain(*map(shown_commands, DOCUMENTS), help_examples(cli))
        for start in (1 if words[:1] == ["microbench"] else _after_module(words),)
        if start is not None
    }
    return [pytest.param(words, id=line) for line, words in found.items()]


def help_examples(command: click.Command) -> Iterator[list[str]]:
    """The command lines that help texts show."""
    for line in re.findall(r"Example: (.*(?:\n +\S.*)*)", command.help or ""):
        yield shlex.split(line)
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from help_examples(child)


def _after_module(words: list[str]) -> int | None:
    """Where the arguments of `python -m microbench` begin, torchrun's included."""
    return (
        words.index("microbench") + 1 if words[-1:] != ["microbench"] and _names_module(words, "microbench") else None
    )


def _names_module(words: list[str], module: str) -> bool:
    return any(pair == ("-m", module) for pair in itertools.pairwise(words))


@pytest.mark.parametrize("words", microbench_commands())
def test_a_command_line_that_a_document_shows_is_one_that_the_command_reads(
    words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("microbench.registries.import_code", lambda _: None)  # --import my_blocks.py
    command, name, rest = cli, "microbench", list(words)
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        name = rest.pop(0)
        found = command.get_command(click.Context(command), name)
        assert found is not None, f"there is no command {name!r}"
        command = found  # type: ignore[assignment]
    if not rest:  # a command by its name, in a sentence
        return
    with contextlib.suppress(click.exceptions.Exit):  # of --help
        command.make_context(name, rest)


@pytest.mark.subprocess
def test_the_command_for_a_bundle_has_the_options_that_documents_show() -> None:
    module = "microbench.measure"
    shown = {
        word
        for path in DOCUMENTS
        for words in shown_commands(path)
        if _names_module(words, module)
        for word in words
        if word.startswith("--")
    }
    help_text = run_python("-m", module, "--help").out
    assert shown >= {"--runtime", "--precision"}
    assert [option for option in sorted(shown) if f"{option} " not in help_text] == []


def test_make_has_the_targets_that_documents_show() -> None:
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), flags=re.MULTILINE)
    shown = {words[1] for path in DOCUMENTS for words in shown_commands(path) if words[:1] == ["make"]}
    assert {"reproduce", "test"} <= shown <= set(targets)


def test_the_gitlab_pipeline_lets_an_inconclusive_gate_pass() -> None:
    _, gitlab = (yaml.safe_load(block) for block in fenced(ROOT / "docs" / "guides" / "ci.md", "yaml"))
    assert gitlab["latency"]["allow_failure"]["exit_codes"] == EXIT_INCONCLUSIVE


def anchors(path: Path) -> set[str]:
    """The anchors that GitHub and the website give a document's headings."""
    headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_links_of_a_document_lead_somewhere(path: Path) -> None:
    broken = []
    for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", path.read_text("utf-8")):
        file, _, anchor = link.partition("#")
        target = path.parent / file if file else path
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if "<!-- quote: " in path.read_text("utf-8")], ids=name_of)
def test_numbers_that_a_document_quotes_follow_from_the_results(path: Path) -> None:
    import quotes  # not above, as it loads pandas, which collecting tests need not wait for

    text = path.read_text("utf-8")
    assert dict(quotes.quoted(text)) == dict(quotes.quoted(quotes.rewritten(text))), "run: python docs/quotes.py"


def test_the_readme_quotes_its_headline_and_the_runtimes() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert re.findall(r"<!-- quote: (.*?) -->", text) == ["headline", "runtimes"]


def test_the_readme_is_a_page_and_no_more() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 150
