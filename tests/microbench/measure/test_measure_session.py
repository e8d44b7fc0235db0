"""When a session's output is held to be wrong, and which clocks time it."""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from microbench.measure.session import Session, WrongOutputError, check_outputs

REFERENCE = np.array([[4.0, -2.0, 1.0, 0.0]], dtype=np.float32)


def check(output: NDArray[Any], tolerance: float = 1e-2, reference: NDArray[Any] = REFERENCE) -> None:
    check_outputs((output,), (reference,), tolerance)


def test_an_equal_output_is_right_at_any_tolerance() -> None:
    check(REFERENCE.copy(), tolerance=0.0)


def test_the_error_is_a_root_mean_square_as_a_share_of_the_references() -> None:
    # The reference's is sqrt((16 + 4 + 1) / 4) = 2.291, of which 1% is 0.0229.
    check(REFERENCE + np.float32(0.022))
    with pytest.raises(WrongOutputError, match=r"differs from the float32 reference by 0\.012, allowed 0\.01$"):
        check(REFERENCE + np.float32(0.0275))


def test_of_a_map_of_classes_the_error_is_the_share_of_its_places_that_differ() -> None:
    classes = np.array([[7, 0, 18, 255]], dtype=np.uint8)
    check(classes.copy(), tolerance=0.0, reference=classes)
    neighbour = np.array([[8, 0, 18, 255]], dtype=np.uint8)
    check(neighbour, tolerance=0.25, reference=classes)
    with pytest.raises(WrongOutputError, match=r"by 0\.25, allowed 0\.2$"):
        check(neighbour, tolerance=0.2, reference=classes)


def test_a_small_value_may_be_off_by_what_a_large_one_may() -> None:
    output = REFERENCE.copy()
    output[0, 3] = 0.03
    check(output)


@pytest.mark.parametrize("shape", [(4,), (1, 5), (2, 4), (1, 4, 1)])
def test_another_shape_is_wrong(shape: tuple[int, ...]) -> None:
    with pytest.raises(WrongOutputError, match=r"output shapes .* are not the reference's"):
        check(np.zeros(shape, dtype=np.float32))


def test_another_number_of_outputs_is_wrong() -> None:
    with pytest.raises(WrongOutputError, match="output shapes"):
        check_outputs((REFERENCE, REFERENCE), (REFERENCE,), 1.0)
    with pytest.raises(WrongOutputError, match="output shapes"):
        check_outputs((), (REFERENCE,), 1.0)


def test_every_output_is_checked() -> None:
    with pytest.raises(WrongOutputError):
        check_outputs((REFERENCE, REFERENCE * 2), (REFERENCE, REFERENCE), 1e-2)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_wrong_at_any_tolerance(value: float) -> None:
    output = REFERENCE.copy()
    output[0, 1] = value
    with pytest.raises(WrongOutputError):
        check(output, tolerance=1e30)


def test_a_reference_that_is_not_finite_accepts_nothing() -> None:
    with pytest.raises(WrongOutputError):
        check(np.full_like(REFERENCE, np.nan), reference=np.full_like(REFERENCE, np.nan))


def test_zeros_in_the_place_of_values_are_wrong() -> None:
    with pytest.raises(WrongOutputError):
        check(np.zeros_like(REFERENCE), tolerance=0.5)


def test_a_reference_of_zeros_accepts_zeros_alone() -> None:
    zeros = np.zeros_like(REFERENCE)
    check(zeros, reference=zeros)
    with pytest.raises(WrongOutputError):
        check(zeros + np.float32(1e-6), reference=zeros)


def test_half_precision_is_compared_in_single() -> None:
    """In half precision the difference of 60000 and -60000 would overflow."""
    reference = np.array([60000.0], dtype=np.float32)
    check(reference.astype(np.float16), reference=reference)
    with pytest.raises(WrongOutputError, match="by 2, allowed"):
        check(-reference.astype(np.float16), reference=reference)


class Napping(Session):
    """Waits for half of its time, as a session does that waits for a device."""

    def __init__(self, worker_threads: bool = False) -> None:
        self.worker_threads = worker_threads
        self.calls: list[str] = []

    def enqueue(self, runs: int) -> None:
        self.calls.append(f"enqueue {runs}")

    def feed(self, inputs: Mapping[str, NDArray[np.float32]]) -> None:
        self.calls.append(f"feed {sorted(inputs)}")

    def synchronize(self) -> None:
        self.calls.append("synchronize")
        time.sleep(0.02)

    def outputs(self) -> tuple[NDArray[Any], ...]:
        return ()


def test_a_window_ends_when_its_runs_have_ended() -> None:
    session = Napping()
    reading = session.read(7)
    assert session.calls == ["enqueue 7", "synchronize"]
    assert reading.runs == 7
    assert reading.wall_ns >= 20_000_000
    assert reading.device_ns is None


def test_waiting_costs_no_cpu_time() -> None:
    reading = Napping().read(1)
    assert reading.cpu_ns < reading.wall_ns / 2


class Delegating(Napping):
    """Computes on another thread."""

    def synchronize(self) -> None:
        import threading

        def work() -> None:
            end = time.thread_time_ns() + 10_000_000
            while time.thread_time_ns() < end:
                pass

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()


def test_worker_threads_count_where_the_session_says_that_it_has_them() -> None:
    assert Delegating(worker_threads=True).read(1).cpu_ns >= 9_000_000
    assert Delegating(worker_threads=False).read(1).cpu_ns < 9_000_000
