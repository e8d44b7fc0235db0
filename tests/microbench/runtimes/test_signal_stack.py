"""A model may be loaded and freed in any order: signals are handled afterwards as before.

OpenVINO's CPU plugin replaces the calling thread's alternate signal stack (see `docs/known-faults.md`). What loads and
frees runs in processes of its own, so that a stack left in freed memory is a failed test and not the end of all tests.
"""

from __future__ import annotations

import ctypes
import json
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import run_python

from microbench.runtimes import signal_stack
from microbench.runtimes.signal_stack import unchanged_signal_stack

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="OpenVINO replaces the stack on Linux only"
)

# Loading and freeing, in processes of their own

PROGRAM = """
import ctypes, gc, json, os, signal, sys
import numpy as np
from torch import nn
from microbench import runtimes
from microbench.measure.record import Configuration
from microbench.measure.session import WrongOutputError
from microbench.models.build import build_workload
import dataclasses

class Stack(ctypes.Structure):
    _fields_ = [("address", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t)]

libc = ctypes.CDLL(None)

def stack():
    found = Stack()
    assert libc.sigaltstack(None, ctypes.byref(found)) == 0
    return found.address, found.flags, found.size

handled = []
for number in (signal.SIGINT, signal.SIGCHLD):
    signal.signal(number, lambda number, frame: handled.append(number))

def signals_are_survived():
    handled.clear()
    for number in (signal.SIGINT, signal.SIGCHLD):
        os.kill(os.getpid(), number)
    return handled == [signal.SIGINT, signal.SIGCHLD]

workload = build_workload("small", lambda: nn.Conv2d(3, 5, 3), (1, 3, 9, 9))

def load(runtime, workload=workload, precision="fp32"):
    return runtime.load_checked(workload, Configuration(runtime.name, precision, "cpu", 1), layout_seed=0)

available = [runtimes.get(name) for name in runtimes.names()]
available = [runtime for runtime in available if "cpu" in runtime.precisions and runtime.missing("cpu") is None]
first = stack()
"""

IN_ORDER = (
    PROGRAM
    + """
names, orders = json.loads(sys.argv[1]), json.loads(sys.argv[2])
for runtime in available:
    if runtime.name not in names:
        continue
    for order in orders:
        sessions = {}
        for which in order:
            if which in sessions:
                sessions.pop(which).close()
            else:
                sessions[which] = load(runtime)
                sessions[which].read(2)
                sessions[which].describe()
            unchanged = stack() == first
            print(json.dumps([runtime.name, order, which, unchanged and signals_are_survived()]), flush=True)
"""
)

ACROSS_RUNTIMES = (
    PROGRAM
    + """
for together in range(2):
    sessions = [load(runtime) for runtime in available for _ in range(2)]
    for session in sessions if together else reversed(sessions):
        session.close()
        print(json.dumps(stack() == first and signals_are_survived()), flush=True)
"""
)

FAILING = (
    PROGRAM
    + """
runtime = runtimes.get("openvino")
wrong = dataclasses.replace(workload, reference=(workload.reference[0] * 2,))
unreadable = dataclasses.replace(workload, onnx_model=b"no model")
kept = []

def failing(reason):
    try:
        load(runtime, *reason)
    except Exception as error:
        kept.append(error)  # its traceback holds what was loaded
        return
    assert reason == (workload, "fp16"), reason  # a processor that computes in half precision

for keep in (True, False):
    for reason in ((wrong,), (unreadable,), (workload, "fp16"), (wrong,)):
        sessions = [load(runtime)]
        failing(reason)
        sessions.append(load(runtime))
        if not keep:
            kept.clear()
        del sessions[0]  # dropped, never closed
        sessions.append(sessions)  # only a collection finds it
        del sessions
        gc.collect()
        print(json.dumps(stack() == first and signals_are_survived()), flush=True)
kept.clear()
gc.collect()
print(json.dumps(stack() == first and signals_are_survived()), flush=True)
"""
)

OTHER_THREAD = (
    PROGRAM
    + """
import threading
runtime = runtimes.get("openvino")
sessions = []
for _ in range(3):
    thread = threading.Thread(target=lambda: sessions.append(load(runtime)))
    thread.start()
    thread.join()
    sessions.append(load(runtime))
    sessions.pop(0).close()
    print(json.dumps(stack() == first and signals_are_survived()), flush=True)
while sessions:
    thread = threading.Thread(target=lambda: sessions.pop(0).close())
    thread.start()
    thread.join()
    print(json.dumps(stack() == first and signals_are_survived()), flush=True)
"""
)


def lines_of(program: str, *arguments: str, **environment: str) -> list[Any]:
    done = run_python("-W", "ignore", "-c", program, *arguments, environment=environment)
    assert done.code == 0, f"exit code {done.code}\n{done.out[-500:]}\n{done.err[-2000:]}"
    return [json.loads(line) for line in done.out.splitlines()]


def orders(models: str) -> Iterator[str]:
    """Every order in which the models are loaded (at a name's first mention) and freed (at its second)."""
    if not models:
        yield ""
        return
    first, others = models[0], models[1:]
    for rest in orders(others):
        for place in range(len(rest) + 1):
            yield first + rest[:place] + first + rest[place:]


def test_three_models_can_be_loaded_and_freed_in_fifteen_orders() -> None:
    assert len(set(orders("abc"))) == 5 * 3
    assert {"abcabc", "abccba", "aabbcc"} <= set(orders("abc"))


@pytest.mark.subprocess
def test_no_order_of_load_and_close_changes_the_stack() -> None:
    every_order = [*orders("abc"), "abacbdcd"]
    names = ["openvino", "onnxruntime", "torch-eager"]
    seen = lines_of(IN_ORDER, json.dumps(names), json.dumps(every_order))
    assert len(seen) == len(names) * (15 * 6 + 8)
    assert [line for line in seen if line[3] is not True] == []


@pytest.mark.subprocess
def test_an_alternate_stack_that_the_user_has_is_kept() -> None:
    """`faulthandler` gives the main thread one, as pytest does."""
    seen = lines_of(IN_ORDER, '["openvino"]', '["abab", "abba"]', PYTHONFAULTHANDLER="1")
    assert [line[3] for line in seen] == [True] * 8


@pytest.mark.slow
@pytest.mark.subprocess
def test_sessions_of_all_runtimes_side_by_side_leave_the_stack_as_it_was() -> None:
    seen = lines_of(ACROSS_RUNTIMES)
    assert len(seen) >= 4 * 2 * 2
    assert all(seen)


@pytest.mark.subprocess
def test_loads_that_fail_and_sessions_that_nobody_closes_leave_the_stack_as_it_was() -> None:
    assert lines_of(FAILING) == [True] * 9


@pytest.mark.subprocess
def test_a_model_may_be_loaded_on_one_thread_and_freed_on_another() -> None:
    assert lines_of(OTHER_THREAD) == [True] * 6


# Ctrl-C

STOPPED_SWEEP = """
import os, signal, sys
from microbench import cli, runtimes
from microbench.measure.store import RecordStore

after, count = sys.argv.pop(1), int(sys.argv.pop(1))
owner, method = {"load": (type(runtimes.get("openvino")), "load"), "record": (RecordStore, "append")}[after]
original, calls = getattr(owner, method), []

def stop(self, subject, *others):
    result = original(self, subject, *others)
    if getattr(subject, "experiment", "sweep") == "sweep":
        calls.append(subject)
    if len(calls) == count:
        os.kill(os.getpid(), signal.SIGINT)
    return result

setattr(owner, method, stop)
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in a shell's background
cli.main()
"""


@pytest.mark.subprocess
@pytest.mark.parametrize(("after", "count", "kept"), [("load", 7, 0), ("record", 4, 4)])
def test_a_sweep_with_openvino_that_is_stopped_ends_with_exit_code_130(
    after: str, count: int, kept: int, tmp_path: Path
) -> None:
    """By the signal that Ctrl-C sends: among its loads, and when the last of four models has been freed."""
    command = [
        "run", "sweep", "--runtime", "openvino", "--block", "conv3x3:bare", "--width", "1..4", "--resolution", "8",
        "--ci", "0.5", "--budget", "0.1", "--results", str(tmp_path), "--machine", "here",
    ]  # fmt: skip
    done = run_python("-c", STOPPED_SWEEP, after, count, *command)
    assert done.code == 130, done.err
    records = tmp_path / "here" / "sweep.jsonl"
    assert len(records.read_text().splitlines() if records.exists() else []) == kept


# The guard itself, on threads of their own: a stack belongs to a thread


class Stack(ctypes.Structure):
    _fields_ = (("address", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


DISABLED = 2


def current() -> tuple[int | None, int, int]:
    found = Stack()
    assert ctypes.CDLL(None).sigaltstack(None, ctypes.byref(found)) == 0
    return found.address, found.flags, found.size


def replace(memory: Any) -> None:
    stack = Stack(ctypes.addressof(memory), 0, len(memory))
    assert ctypes.CDLL(None).sigaltstack(ctypes.byref(stack), None) == 0


def on_a_thread(check: Callable[[], None]) -> None:
    errors: list[BaseException] = []

    def run() -> None:
        try:
            check()
        except BaseException as error:
            errors.append(error)
        finally:
            none = Stack(None, DISABLED, 0)
            ctypes.CDLL(None).sigaltstack(ctypes.byref(none), None)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]


def test_no_stack_is_no_stack_again() -> None:
    memory = ctypes.create_string_buffer(1 << 16)

    def check() -> None:
        assert current()[1] == DISABLED
        with unchanged_signal_stack():
            replace(memory)
            assert current()[0] == ctypes.addressof(memory)
        assert current()[1] == DISABLED

    on_a_thread(check)


def test_a_stack_is_put_back_also_after_an_error() -> None:
    memories = [ctypes.create_string_buffer(1 << 16) for _ in range(2)]

    def fail() -> None:
        with unchanged_signal_stack():
            replace(memories[1])
            raise ZeroDivisionError

    def check() -> None:
        replace(memories[0])
        before = current()
        with pytest.raises(ZeroDivisionError):
            fail()
        assert current() == before == (ctypes.addressof(memories[0]), 0, 1 << 16)

    on_a_thread(check)


def test_a_stack_that_the_kernel_no_longer_accepts_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a processor with AMX, of a stack too small for its registers."""
    memory = ctypes.create_string_buffer(1 << 16)
    genuine = ctypes.CDLL(None).sigaltstack

    def refusing(new: Any, old: Any) -> int:
        refused = new is not None and new._obj.ss_flags != DISABLED
        return -1 if refused else genuine(new, old)

    def check() -> None:
        replace(memory)
        with unchanged_signal_stack():
            pass
        assert current()[1] == DISABLED

    monkeypatch.setattr(signal_stack, "_sigaltstack", lambda: refusing)
    on_a_thread(check)


@pytest.mark.parametrize("system", ["darwin", "win32", "linux without it"])
def test_a_system_without_such_stacks_is_left_alone(system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def library(_: None) -> Any:
        if system.startswith("linux"):
            return object()
        raise AssertionError("looked up")

    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(ctypes, "CDLL", library)
    with unchanged_signal_stack():
        pass
