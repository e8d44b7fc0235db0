"""The map's plan: coarse first, then where the sign is open; a stopped run continues."""

import itertools

import pytest
from simulated_map import Ratio, simulate_map

from microbench.errors import InputError
from microbench.experiments.map import BreakEvenMap, MapGrid
from microbench.experiments.sweep import BlockChoice
from microbench.measure.record import Configuration, Record
from microbench.report.break_even.cell import Setting, Shape, map_cells
from microbench.studies.break_even_map import Step, coarse_steps, open_steps, width_steps

SETTING = Setting(Configuration("onnxruntime"), 1)
GRID = MapGrid(
    blocks=(BlockChoice("sepconv3x3"),),
    widths=(8, 16, 24, 32, 64, 128),
    resolutions=tuple((s, s) for s in (8, 16, 32, 64)),
)


def measured(ratio: Ratio, steps: list[Step], *, seed: int = 0, scatter: float = 0.002) -> list[Record]:
    records = []
    for step in steps:
        records += simulate_map(
            ratio,
            [step.shape],
            step.blocks,
            configuration=step.setting.configuration,
            number=step.number,
            seed=seed,
            scatter=scatter,
        )
    return records


def test_the_coarse_grid_has_the_ends_of_both_axes_and_every_other_place_between() -> None:
    steps = coarse_steps(GRID, [SETTING], [])
    assert {(step.shape.channels, step.shape.height) for step in steps} == set(
        itertools.product((8, 16, 32, 128), (8, 32, 64))
    )
    assert all(step.blocks == ("sepconv3x3",) and step.number == 1 for step in steps)


def test_after_any_part_of_the_coarse_grid_all_settings_are_equally_far() -> None:
    settings = [SETTING, Setting(Configuration("openvino"), 1), Setting(Configuration("openvino"), 4)]
    steps = coarse_steps(GRID, settings, [])
    for end in range(len(steps)):
        counts = [sum(step.setting == setting for step in steps[:end]) for setting in settings]
        assert max(counts) - min(counts) <= 1


def test_shapes_that_would_take_most_of_the_time_are_left_out() -> None:
    grid = MapGrid(most_macs=9 * 32**2 * 64**2)
    shapes = grid.shapes()
    assert (32, (64, 64)) in shapes
    assert (64, (64, 64)) not in shapes
    assert (8, (128, 128)) in shapes


def test_time_is_spent_where_the_sign_is_open_and_nowhere_else() -> None:
    """The break-even runs between 16 and 32 channels, at any resolution."""

    def ratio(_: str, shape: Shape) -> float:
        return (shape.channels / 22.0) ** 2

    records = measured(ratio, coarse_steps(GRID, [SETTING], []))
    steps = open_steps(GRID, [SETTING], records, map_cells(records))
    # At 16 channels and less the convolution is surely cheaper, at 32 and more surely dearer.
    assert {(s.shape.channels, s.shape.height) for s in steps} == {(24, 8), (24, 16), (24, 32), (24, 64)}
    # With 24 known, the contour lies between it and 16, of which one resolution is not measured yet.
    records += measured(ratio, steps)
    steps = open_steps(GRID, [SETTING], records, map_cells(records))
    assert [(s.shape.channels, s.shape.height) for s in steps] == [(16, 16)]
    records += measured(ratio, steps)
    assert open_steps(GRID, [SETTING], records, map_cells(records)) == []


def test_where_the_sign_surely_changes_comes_before_what_is_hatched() -> None:
    def ratio(_: str, shape: Shape) -> float:
        return {8: 0.5, 16: 0.5, 32: 2.0, 128: 1.0}[shape.channels]

    records = measured(ratio, coarse_steps(GRID, [SETTING], []), scatter=0.05)
    steps = open_steps(GRID, [SETTING], records, map_cells(records))
    channels = [step.shape.channels for step in steps]
    assert channels[:4] == [24] * 4
    assert set(channels[4:]) == {64, 128}


def test_a_hatched_cell_is_sampled_three_times_at_most_and_a_draw_once() -> None:
    grid = MapGrid(blocks=GRID.blocks, widths=(8,), resolutions=((8, 8),))
    passes = 0
    records: list[Record] = []
    steps = coarse_steps(grid, [SETTING], [])
    while steps:
        passes += 1
        assert [step.number for step in steps] == [passes]
        records += measured(lambda *_: 1.0, steps, seed=passes, scatter=0.05)
        steps = open_steps(grid, [SETTING], records, map_cells(records))
    assert passes == 3
    draw = measured(lambda *_: 1.0, coarse_steps(grid, [SETTING], []), scatter=0.001)
    assert map_cells(draw)[0].is_open
    assert open_steps(grid, [SETTING], draw, map_cells(draw)) == []


def test_a_stopped_run_continues_and_a_pass_that_lacks_rows_is_taken_anew() -> None:
    steps = coarse_steps(GRID, [SETTING], [])
    records = measured(lambda *_: 2.0, steps[:3])
    torn = measured(lambda *_: 2.0, steps[3:4])[:-1]
    left = coarse_steps(GRID, [SETTING], [*records, *torn])
    assert [step.shape for step in left] == [step.shape for step in steps[3:]]
    assert [step.number for step in left] == [2, *(1 for _ in steps[4:])]


def test_the_convolution_alone_is_timed_at_widths_that_are_less_divisible_than_their_neighbours() -> None:
    steps = width_steps(GRID, [SETTING], [])
    assert {(step.shape.channels, step.shape.height) for step in steps} == {(24, 8), (24, 32), (24, 64)}
    assert all(step.blocks == () for step in steps)
    assert width_steps(GRID, [SETTING], measured(lambda *_: 1.0, steps)) == []


def test_passes_have_rows_of_their_own_names() -> None:
    names = [spec.name for spec in BreakEvenMap(GRID).specs()]
    assert len(set(names)) == len(names) == 12 * 2 * 2
    assert names[0].endswith("/depth1/pass1")


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"blocks": ()}, "block"),
        ({"blocks": (BlockChoice("conv3x3"),)}, "block"),
        ({"widths": (0,)}, "width"),
        ({"most_macs": 1.0}, "most-macs"),
    ],
)
def test_a_grid_that_cannot_be_measured_is_refused(arguments: dict[str, object], field: str) -> None:
    with pytest.raises(InputError, match=field):
        MapGrid(**arguments)  # type: ignore[arg-type]
