"""`microbench run map`: the coarse grid first, then where the sign is open, until the time is up."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from microbench.errors import InputError
from microbench.experiments.map import CONV, MAP, MAP_DEPTHS, BreakEvenMap, MapGrid, shape_specs
from microbench.experiments.sweep import BlockChoice
from microbench.measure.record import Configuration, Record
from microbench.measure.sampler import FEWEST_GENERATIONS, Policy
from microbench.measure.store import latest, read_records
from microbench.measure.undisturbed import DRAWN
from microbench.measure.workload import Workload, WorkloadSpec
from microbench.report.break_even.cell import Cell, Setting, Shape, map_cells, setting_of, shape_of
from microbench.runs.runner import Target, run
from microbench.runs.settings import QUICK_FACTOR, Settings, plan_of

MINUTES, QUICK_MINUTES = 40.0, 5.0
"""A run's time, where nothing else is asked for."""

MOST_PASSES = 3
"""So often a cell is sampled at most: with three times the loads its interval is less than half as wide."""

EQUAL_WITHIN = 0.02
"""A cell that is known to lie so near to 1 is a draw, and not sampled again."""

_ROW_BUDGET_S = 0.5
"""Small beside Figure 4's: what is compared is far apart in most cells, and what is not is sampled again."""

_STEPS_A_ROUND = 12
"""After so many steps it is judged anew where the sign is open."""


@dataclass(frozen=True)
class Step:
    """What is sampled side by side: the convolution and other blocks in one shape and setting."""

    setting: Setting
    shape: Shape
    blocks: tuple[str, ...]
    """Labels of the blocks that the convolution is compared with."""
    number: int
    """Of the pass."""

    @property
    def rows(self) -> int:
        """Chains that are timed."""
        return len(MAP_DEPTHS) * (1 + len(self.blocks))


def coarse_steps(grid: MapGrid, settings: Sequence[Setting], records: Sequence[Record]) -> list[Step]:
    """The coarse grid's cells that no record has, shape by shape, so that all settings get equally far.

    Args:
        grid: what the map may cover.
        settings: the panels.
        records: of the map, failed ones included.
    """
    known = _Passes(records)
    labels = [choice.label for choice in grid.blocks]
    steps = []
    for place in grid.coarse():
        shape = _shape(place)
        for setting in settings:
            missing = tuple(label for label in labels if not known.count(setting, shape, label))
            if missing:
                steps.append(Step(setting, shape, missing, known.next_number(setting, shape)))
    return steps


def width_steps(grid: MapGrid, settings: Sequence[Setting], records: Sequence[Record]) -> list[Step]:
    """The convolution alone where the principle of widths is judged, and no record has it; arguments as above."""
    known = _Passes(records)
    return [
        Step(setting, shape, (), known.next_number(setting, shape))
        for shape in map(_shape, grid.less_divisible())
        for setting in settings
        if not known.count(setting, shape, CONV.label)
    ]


def open_steps(
    grid: MapGrid, settings: Sequence[Setting], records: Sequence[Record], cells: Sequence[Cell]
) -> list[Step]:
    """Where more measuring may change what the map shows, the most promising first.

    That is, first, a shape of the fine grid between measured ones whose signs are not all the same and decided: there
    the contour passes. Then the cells that are hatched, those first that are nearest to a decision; a cell that was
    sampled three times, or is known to lie within 2% of 1, is left as it is.

    Args:
        grid: what the map may cover.
        settings: the panels.
        records: of the map, failed ones included.
        cells: that the records give.
    """
    known = _Passes(records)
    of_panel: dict[tuple[Setting, str], dict[Shape, Cell]] = {}
    for cell in cells:
        of_panel.setdefault((cell.setting, cell.block), {})[cell.shape] = cell
    worth: dict[tuple[Setting, Shape], dict[str, float]] = {}
    for setting in settings:
        for label in (choice.label for choice in grid.blocks):
            measured = of_panel.get((setting, label), {})
            for shape, value in _worth_of_shapes(grid, measured):
                if known.count(setting, shape, label) < (MOST_PASSES if shape in measured else 1):
                    worth.setdefault((setting, shape), {})[label] = value
    ordered = sorted(worth.items(), key=lambda one: -max(one[1].values()))
    return [
        Step(setting, shape, tuple(blocks), known.next_number(setting, shape)) for (setting, shape), blocks in ordered
    ]


def _worth_of_shapes(grid: MapGrid, measured: dict[Shape, Cell]) -> Iterator[tuple[Shape, float]]:
    """The shapes of one panel and block that are worth measuring, and how much: over 1 where the contour may pass."""
    for place in grid.shapes():
        shape = _shape(place)
        cell = measured.get(shape)
        if cell is None:
            signs = {measured[other].decided for other in _neighbours(grid, place) if other in measured}
            if len(signs) > 1 or signs == {0}:
                # Opposite decided signs first: there the contour passes for sure.
                yield shape, 3.0 if {-1, 1} <= signs else 2.0
        elif cell.is_open and not _is_draw(cell):
            yield shape, _nearness(cell)


def _neighbours(grid: MapGrid, place: tuple[int, tuple[int, int]]) -> Iterator[Shape]:
    """The shapes around one of the fine grid's: the next width and resolution on each side."""
    i, j = grid.widths.index(place[0]), grid.resolutions.index(place[1])
    for a in range(max(i - 1, 0), min(i + 2, len(grid.widths))):
        for b in range(max(j - 1, 0), min(j + 2, len(grid.resolutions))):
            if (a, b) != (i, j):
                yield _shape((grid.widths[a], grid.resolutions[b]))


def _is_draw(cell: Cell) -> bool:
    return cell.ratio.low >= 1 - EQUAL_WITHIN and cell.ratio.high <= 1 + EQUAL_WITHIN


def _nearness(cell: Cell) -> float:
    """How near an open cell is to a decision, 0 to 1: the distance of its estimate from 1 over the interval's reach."""
    if not math.isfinite(cell.ratio.high) or cell.ratio.low <= 0:
        return 0.0
    reach = math.log(cell.ratio.high / cell.ratio.low) / 2
    return abs(math.log(cell.ratio.estimate)) / reach if reach else 1.0


class _Passes:
    """How often each cell was sampled, whatever came of it."""

    def __init__(self, records: Sequence[Record]) -> None:
        depths: dict[tuple[Setting, Shape, str, int, str], set[int]] = {}
        self._latest: dict[tuple[Setting, Shape], int] = {}
        for record in records:
            setting, shape, number = setting_of(record), shape_of(record), int(record.axes["pass"])
            row = (setting, shape, record.run, number, str(record.axes["block"]))
            depths.setdefault(row, set()).add(int(record.axes["depth"]))
            self._latest[setting, shape] = max(number, self._latest.get((setting, shape), 0))
        # A pass that was stopped half-way lacks rows, which cannot be added: they would be of another run.
        whole = {key for key, found in depths.items() if found >= set(MAP_DEPTHS)}
        self._count: dict[tuple[Setting, Shape, str], int] = {}
        for setting, shape, run_name, number, block in whole:
            if (setting, shape, run_name, number, CONV.label) in whole:
                self._count[setting, shape, block] = self.count(setting, shape, block) + 1

    def count(self, setting: Setting, shape: Shape, block: str) -> int:
        return self._count.get((setting, shape, block), 0)

    def next_number(self, setting: Setting, shape: Shape) -> int:
        return 1 + self._latest.get((setting, shape), 0)


def _shape(place: tuple[int, tuple[int, int]]) -> Shape:
    return Shape(place[0], *place[1])


@dataclass(frozen=True)
class MapRun:
    """What a run of the map has recorded, now and before."""

    records: tuple[Record, ...]
    coarse_left: int
    """Steps of the coarse grid for which there was no time; the same command continues."""


def measure_map(
    experiment: BreakEvenMap,
    settings: Settings,
    threads: Sequence[int],
    minutes: float | None = None,
    on_progress: Callable[[str, float], None] = lambda *_: None,
) -> MapRun:
    """Measure the map for so many minutes, and continue what is recorded.

    Args:
        experiment: its grid and batches.
        settings: how; `threads` of it is not used.
        threads: numbers of worker threads on a CPU, one panel each.
        minutes: none is begun that would not end within them; if None, 40, or 5 for a quick run.
        on_progress: called with what is being done and its share done, 0 to 1.

    Raises:
        InputError: a runtime, precision, device or time that cannot be, or a folder that cannot be written.
    """
    limit_s = 60 * (minutes if minutes is not None else QUICK_MINUTES if settings.quick else MINUTES)
    if not 0 < limit_s < math.inf:
        raise InputError(f"minutes must be a positive number, not {minutes!r}.")
    targets = _targets(settings, threads)
    panels = [Setting(configuration, batch) for configuration in targets for batch in experiment.batches]
    measuring = _Measuring(experiment.grid, settings, targets, limit_s, on_progress)
    coarse = coarse_steps(experiment.grid, panels, measuring.records())
    left = len(coarse) - measuring.take("coarse grid", coarse, len(coarse))
    if not settings.quick and not left:
        beside = width_steps(experiment.grid, panels, measuring.records())
        measuring.take("less divisible widths", beside, len(beside))
    while not settings.quick and not left:
        records = measuring.records()
        steps = open_steps(experiment.grid, panels, records, map_cells(records))
        if not measuring.take("where the sign is open", steps, _STEPS_A_ROUND):
            break
    return MapRun(tuple(measuring.records()), left)


def _targets(settings: Settings, threads: Sequence[int]) -> dict[Configuration, Target]:
    """By configuration; threads say nothing on a GPU."""
    plans = [
        plan_of([], dataclasses.replace(settings, threads=number), whole_networks=False)
        for number in dict.fromkeys(threads)
    ]
    targets = [target for plan in plans for target in plan.targets]
    return {
        target.configuration: target
        for target in targets
        if target.configuration.device == "cpu" or target.configuration.threads == threads[0]
    }


class _Measuring:
    """Steps taken one after the other, until one would not end within the time."""

    def __init__(
        self,
        grid: MapGrid,
        settings: Settings,
        targets: dict[Configuration, Target],
        limit_s: float,
        on_progress: Callable[[str, float], None],
    ) -> None:
        self._choices = {choice.label: choice for choice in grid.blocks}
        self._plan = dataclasses.replace(plan_of([], settings, whole_networks=False), policy=_policy(settings))
        self._targets = targets
        self._limit_s = limit_s
        self._on_progress = on_progress
        self._start_s = time.monotonic()
        self._slowest_row_s: dict[Shape, float] = {}
        self._builds = _SharedBuilds()

    def records(self) -> list[Record]:
        """Of the map on this machine."""
        path = map_file(self._plan.folder)
        return latest(read_records(path)) if path.is_file() else []

    def take(self, title: str, steps: Iterable[Step], most: int) -> int:
        """Take the first `most` of the steps for which there is time; how many were taken."""
        taken = 0
        for step in steps:
            spent_s = time.monotonic() - self._start_s
            if taken == most or spent_s >= self._limit_s:
                break
            if spent_s + self._expected_s(step) > self._limit_s:
                continue  # a smaller one may fit
            self._on_progress(title, min(spent_s / self._limit_s, 1.0))
            self._measure(step)
            row_s = (time.monotonic() - self._start_s - spent_s) / step.rows
            self._slowest_row_s[step.shape] = max(row_s, self._slowest_row_s.get(step.shape, 0.0))
            taken += 1
        return taken

    def _expected_s(self, step: Step) -> float:
        """By the slowest row of this shape until now or, of a new one, of any shape."""
        slowest_s = self._slowest_row_s.get(step.shape, max(self._slowest_row_s.values(), default=0.0))
        return slowest_s * step.rows

    def _measure(self, step: Step) -> None:
        blocks = [self._choices[label] for label in step.blocks]
        target = self._targets[step.setting.configuration]
        run(dataclasses.replace(self._plan, specs=self._specs(step, blocks), targets=[target]))

    def _specs(self, step: Step, blocks: Sequence[BlockChoice]) -> list[WorkloadSpec]:
        shape = (step.shape.channels, (step.shape.height, step.shape.width))
        return self._builds.shared(shape_specs(blocks, shape, step.setting.batch, step.number))


class _SharedBuilds:
    """Workloads of one shape, which all settings time: exporting one takes a tenth of a second."""

    def __init__(self) -> None:
        self._place: object = None
        self._built: dict[tuple[object, ...], Workload] = {}

    def shared(self, specs: Sequence[WorkloadSpec]) -> list[WorkloadSpec]:
        """The specs with a build that is made once for the shape."""
        place = [specs[0].axes[axis] for axis in ("width", "resolution", "batch")]
        if place != self._place:
            self._place, self._built = place, {}
        return [dataclasses.replace(spec, build=self._once(spec)) for spec in specs]

    def _once(self, spec: WorkloadSpec) -> Callable[[], Workload]:
        def build() -> Workload:
            key = (spec.axes["block"], spec.axes["depth"])
            if key not in self._built:
                self._built[key] = spec.build()
            return self._built[key]

        return build


def _policy(settings: Settings) -> Policy:
    ci_target, budget_s = (0.01, _ROW_BUDGET_S)
    if settings.quick:
        ci_target, budget_s = ci_target * QUICK_FACTOR, budget_s / QUICK_FACTOR
    return Policy(
        ci_target=settings.ci_target or ci_target,
        row_budget_s=settings.row_budget_s or budget_s,
        min_generations=FEWEST_GENERATIONS,
        max_generations=2 * FEWEST_GENERATIONS,
        rounds_per_generation=DRAWN,
    )


def map_file(folder: Path) -> Path:
    """Where the map's records lie in a machine's folder."""
    return folder / f"{MAP}.jsonl"
