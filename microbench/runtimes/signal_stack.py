"""Keeps a thread's alternate signal stack through a runtime that replaces it.

OpenVINO's CPU plugin (seen in 2026.4.1, in its source since 2022) gives the calling thread an alternate signal stack of
its own when it is created, so that Python programs may use AMX, and puts back what it found when it is destroyed. Each
`openvino.Core` creates a plugin, which lives as long as a model that it compiled. Two that are destroyed in the order
in which they were created leave the thread with a stack in memory that is no longer mapped: the second puts back the
first's. Python installs its handlers with SA_ONSTACK, so the next signal that Python handles (SIGINT at Ctrl-C, SIGCHLD
once a torch DataLoader has workers) kills the process with SIGSEGV, as the kernel cannot write the signal's frame.

When the stack is put back as soon as the plugin is there, the plugin, which looks whether its stack is still in use
before it puts anything back, changes nothing when it is destroyed: in whatever order, on whatever thread, by `close`,
by garbage collection or with an exception's traceback. `docs/known-faults.md` has a program that shows the fault.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
from typing import Any, Iterator, Optional

_SS_DISABLE = 2


class _Stack(ctypes.Structure):
    """`stack_t` as Linux has it on every processor that OpenVINO supports."""

    _fields_ = (("ss_sp", ctypes.c_void_p), ("ss_flags", ctypes.c_int), ("ss_size", ctypes.c_size_t))


@contextlib.contextmanager
def unchanged_signal_stack() -> Iterator[None]:
    """Whatever the body does to the calling thread's alternate signal stack is undone at its end, also if it raises.

    Does nothing where the system is not Linux or its C library has no `sigaltstack`: OpenVINO changes it on Linux only.
    """
    sigaltstack = _sigaltstack()
    before = _Stack()
    if sigaltstack is None or sigaltstack(None, ctypes.byref(before)) != 0:
        yield
        return
    try:
        yield
    finally:
        if sigaltstack(ctypes.byref(before), None) != 0:
            # The kernel refuses a stack too small for AMX once a library has requested AMX for the process. Without an
            # alternate stack signals are handled on the thread's own, which is always large enough.
            sigaltstack(ctypes.byref(_Stack(None, _SS_DISABLE, 0)), None)


def _sigaltstack() -> Optional[Any]:
    if not sys.platform.startswith("linux"):
        return None
    try:
        return ctypes.CDLL(None).sigaltstack
    except (OSError, AttributeError):
        return None
