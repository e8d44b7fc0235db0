"""`microbench report`: the verdicts, tables and figures of what is recorded on each machine."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from microbench.errors import InputError
from microbench.experiments import EXPERIMENTS, Experiment
from microbench.experiments.figure5 import PANELS
from microbench.experiments.map import MAP
from microbench.experiments.network import NetworkTable
from microbench.experiments.parsing import parse_resolution
from microbench.experiments.table2 import Table2
from microbench.experiments.table3 import Table3
from microbench.measure.environment import Environment
from microbench.measure.record import Configuration, Record
from microbench.measure.store import latest, machine_folder, read_records
from microbench.measure.timing import COLD, HOT
from microbench.report.accuracy import read_accuracies
from microbench.report.dataframe import to_dataframe
from microbench.report.figures.roofline import draw_roofline
from microbench.report.html import MachineReport, Report, RowQuality, Section, TargetVerdicts, render_html
from microbench.report.labels import configuration_label
from microbench.report.published import PAPER_RESOLUTION
from microbench.report.verdicts import Missing, judge_block, judge_interaction, judge_widths
from microbench.report.verdicts.rivals import MIN_LOADS
from microbench.studies.recorded import Recorded, read_recorded

ORDER = (
    "figure4", "figure5", "table2", "table3", "table4", "table5", "table6", "table7", "table8", "liteseg", "isa",
    "winograd", "layout", "map", "sweep", "ceilings",
)  # fmt: skip
"""The order in which the experiments are shown; others, a user's own, follow."""

JUDGED = ("figure4", "figure5", "table2", "table3")
"""The experiments that the verdicts rest on."""

TRAINING_OPTIONS = "--train camvid_table_cpu --data CAMVID"
"""With which a table's networks are trained: the shortest recipe that fits a CPU."""

RecordedExperiments = Mapping[str, tuple[Experiment, Sequence[Record]]]
"""The experiments that are recorded on a machine, by name."""


def write_report(machines: tuple[str, ...], results: Path, out: Path | None = None) -> tuple[Path, Report]:
    """Write the report as one HTML file.

    Args:
        machines: names of folders in `results`.
        results: the folder of all results.
        out: the file; None for report.html in the machine's folder, or in `results` for several machines.

    Returns:
        The file, and its content.

    Raises:
        InputError: a machine without records, or a file that cannot be written.
    """
    report = build_report(machines, results)
    path = out or (results / machines[0] if len(report.machines) == 1 else results) / "report.html"
    try:
        path.write_text(render_html(report), "utf-8")
    except OSError as error:
        raise InputError(f"out {str(path)!r} cannot be written: {error.strerror}.") from error
    return path, report


def build_report(machines: Sequence[str], results: Path) -> Report:
    """The report of these machines, one beside the other; their figures are drawn anew.

    Args:
        machines: names of folders in `results`.
        results: the folder of all results.

    Raises:
        InputError: a machine without any records, or records that are damaged.
    """
    return Report(tuple(_machine(name, machine_folder(results, name)) for name in dict.fromkeys(machines)))


def _machine(name: str, folder: Path) -> MachineReport:
    found = {experiment: _recorded(experiment, folder) for experiment in _names() if _is_recorded(experiment, folder)}
    if not found:
        raise InputError(
            f"machine {name!r} has no records in {str(folder.parent)!r}; measure with: {_run('all', name)}"
        )
    recorded = {experiment: (one.experiments[0], list(one.records[experiment])) for experiment, one in found.items()}
    ceilings = next(iter(found.values())).ceilings
    return MachineReport(
        name=name,
        targets=verdicts_of(recorded, folder.parent, name),
        sections=(
            *(
                _section(experiment, recorded, ceilings, folder)
                for experiment in _names()
                if _is_shown(experiment, recorded)
            ),
            *_roofline(recorded, ceilings, folder),
        ),
        environment=_environment([record for _, records in recorded.values() for record in records]),
    )


def _names() -> list[str]:
    return [*(name for name in ORDER if name in EXPERIMENTS.names), *(n for n in EXPERIMENTS.names if n not in ORDER)]


def _is_recorded(name: str, folder: Path) -> bool:
    path = folder / f"{name}.jsonl"
    return path.is_file() and bool(read_records(path))


def _is_shown(name: str, recorded: RecordedExperiments) -> bool:
    """A sweep of the user's own is missed by nobody."""
    return name in recorded or EXPERIMENTS.make(name).in_all


def _recorded(name: str, folder: Path) -> Recorded:
    """The experiment's records; of whole networks, those at the paper's size or, without any, at the first one."""
    if not isinstance(EXPERIMENTS.make(name), NetworkTable):
        return read_recorded([name], folder)
    sizes = [str(record.axes["resolution"]) for record in latest(read_records(folder / f"{name}.jsonl"))]
    return read_recorded([name], folder, parse_resolution(PAPER_RESOLUTION if PAPER_RESOLUTION in sizes else sizes[0]))


def _section(name: str, recorded: RecordedExperiments, ceilings: Sequence[Record], folder: Path) -> Section:
    if name not in recorded:
        return Section(name, EXPERIMENTS.make(name).title, missing=Missing(_title(name), _run(name, folder.name)))
    experiment, records = recorded[name]
    presentation = experiment.present(records, ceilings, folder)
    return Section(
        name=name,
        title=experiment.title,
        table=presentation.table,
        findings=presentation.findings,
        figures=_svgs(presentation.figures),
        trust=RowQuality.of(records),
    )


def _roofline(recorded: RecordedExperiments, ceilings: Sequence[Record], folder: Path) -> tuple[Section, ...]:
    """Single blocks under what the device reaches at best; nothing where either was not measured.

    The map's thousand rows, most of them chains, would hide the others.
    """
    blocks = [
        record
        for experiment, records in recorded.values()
        for record in records
        if not (experiment.whole_networks or experiment.runtimes or experiment.name == MAP) and "block" in record.axes
    ]
    if not blocks or not ceilings:
        return ()
    figures = draw_roofline(to_dataframe(blocks), to_dataframe(ceilings), folder / "roofline", machine=folder.name)
    title = "Roofline: blocks under the best that this device and runtime reach"
    return (Section("roofline", title, figures=_svgs(figures)),) if figures else ()


def _svgs(paths: Sequence[Path]) -> tuple[Path, ...]:
    return tuple(path for path in paths if path.suffix == ".svg")


def verdicts_of(recorded: RecordedExperiments, results: Path, machine: str) -> tuple[TargetVerdicts, ...]:
    """The verdicts for each runtime and precision in which something that they rest on was measured.

    Rows that differ in threads alone have one target: blocks are timed on one core, networks on all. Rows with cold
    caches do not count where the same target was measured with hot ones.

    Args:
        recorded: the recorded experiments.
        results: the folder of all results, where accuracies lie.
        machine: its name, for the commands that measure what is missing.
    """
    by_target: dict[Configuration, dict[str, list[Record]]] = {}
    for name in JUDGED:
        for record in recorded[name][1] if name in recorded else ():
            target = dataclasses.replace(record.configuration, threads=1)
            by_target.setdefault(target, {}).setdefault(name, []).append(record)
    is_also_hot = {t for t in by_target if t.cache == COLD and dataclasses.replace(t, cache=HOT) in by_target}
    by_target = {target: own for target, own in by_target.items() if target not in is_also_hot}
    judged = [_judge(target, own, results, machine) for target, own in by_target.items()]
    # Python's sort keeps the order of equals.
    by_claims = sorted(judged, key=lambda target: -sum(len(verdict.claims) for verdict in target.verdicts))
    return tuple(by_claims)


def _judge(target: Configuration, own: Mapping[str, Sequence[Record]], results: Path, machine: str) -> TargetVerdicts:
    networks = {table.name: table.accuracy_rows(own.get(table.name, ())) for table in (Table2(), Table3())}
    trained = {name: read_accuracies(results, name, rows) for name, rows in networks.items()}

    def lacking(*experiments: str) -> list[Missing]:
        return [Missing(_title(name), _run(name, machine, target)) for name in experiments if name not in own]

    def rarely_loaded(*experiments: str) -> list[Missing]:
        """Experiments whose models were loaded too seldom for a verdict, if sampling anew loads them more often."""
        measured = {name: [r.measurement for r in own.get(name, ()) if r.measurement] for name in experiments}
        options = "--fresh"
        return [
            Missing(f"{MIN_LOADS} loads of each model of {_title(name)}", f"{_run(name, machine, target)} {options}")
            for name, rows in measured.items()
            if any(row.loads < MIN_LOADS and row.loads == len(row.generations) for row in rows)
        ]

    def untrained(name: str) -> list[Missing]:
        command = f"microbench run {name} {TRAINING_OPTIONS} --machine {machine}"
        if len(trained[name]) < len(networks[name]):
            return [Missing(f"mIoU of all networks of {_title(name)}", command)]
        if min(len(accuracy.seeds) for accuracy in trained[name].values()) < 2:
            return [
                Missing(f"the spread between trainings of {_title(name)}'s networks", f"{command} --seed 0 --seed 1")
            ]
        return []

    return TargetVerdicts(
        label=_target_label(target),
        verdicts=(
            judge_block(
                own.get("figure4", ()),
                _by_mode(own.get("table2", ())),
                trained["table2"],
                [*lacking("figure4", "table2"), *rarely_loaded("figure4", "table2"), *untrained("table2")],
            ),
            judge_widths(own.get("figure5", ()), PANELS, [*lacking("figure5"), *rarely_loaded("figure5")]),
            judge_interaction(
                own.get("table3", ()),
                trained["table3"],
                [*lacking("table3"), *rarely_loaded("table3"), *untrained("table3")],
            ),
        ),
    )


def _by_mode(records: Sequence[Record]) -> dict[str, dict[str, Record]]:
    """Table 2's rows by mode and block; by what they were run in too, as far as that differs."""
    configurations = list(dict.fromkeys(record.configuration for record in records))
    found = {}
    for configuration in configurations:
        own = [record for record in records if record.configuration == configuration]
        for mode, rows in Table2().by_mode(own).items():
            found[f"{mode}, {configuration_label(configuration)}"] = rows
    return found


def _title(name: str) -> str:
    """What the paper calls it, e.g. "Table 2"."""
    return EXPERIMENTS.make(name).title.split(":")[0]


def _run(name: str, machine: str, target: Configuration | None = None) -> str:
    options = ""
    if target is not None:
        options = f" --runtime {target.runtime} --precision {target.precision} --device {target.device}"
        options += f" --timing {target.timing} --l2 {target.l2}" if target.device != "cpu" else ""
    return f"microbench run {name}{options} --machine {machine}"


def _target_label(target: Configuration) -> str:
    if target.device == "cpu":
        return f"{target.runtime} {target.precision}"
    return configuration_label(target)


def _environment(records: Sequence[Record]) -> dict[str, str]:
    """What the rows were measured on; where something changed between runs, all that it was."""
    words = [_environment_words(record.environment) for record in records]
    days = sorted({record.run.split("T")[0] for record in records})
    fields = {field: _distinct(one[field] for one in words) for field in words[0]}
    runtimes = _distinct(f"{record.configuration.runtime} {record.runtime_version}" for record in records)
    return {"measured on": " to ".join(dict.fromkeys([days[0], days[-1]])), "runtimes": runtimes, **fields}


def _environment_words(environment: Environment) -> dict[str, str]:
    caches = ", ".join(f"{level} {size // 1024} KiB" for level, size in environment.cache_bytes.items())
    memory = f"{environment.memory_bytes / 2**30:.1f} GiB" if environment.memory_bytes else "unknown"
    return {
        "processor": f"{environment.cpu_model}, {environment.cpu_cores} cores"
        + {True: ", a virtual machine", False: "", None: ""}[environment.virtual_machine],
        "vector extensions": ", ".join(environment.cpu_flags) or "none known",
        "caches": caches or "unknown",
        "memory": memory,
        "frequency governor": environment.frequency_governor or "unknown",
        "GPU": environment.gpu.name if environment.gpu else "none",
        "system": environment.system,
        "Python": environment.python,
        "libraries": ", ".join(f"{name} {version}" for name, version in environment.libraries.items()),
        "host": environment.host,
        "commit": environment.commit or "unknown",
    }


def _distinct(values: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(values))
