"""What goes wrong with an engine, in one sentence: the sampler makes it the row's outcome."""

from __future__ import annotations

from typing import Any


class EngineError(RuntimeError):
    """A model that TensorRT cannot build, read or run."""


def make_logger(trt: Any) -> Any:
    """A TensorRT logger that prints nothing and keeps the errors in `errors`: TensorRT itself answers with None."""

    class Logger(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.errors: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity in (trt.ILogger.ERROR, trt.ILogger.INTERNAL_ERROR):
                self.errors.append(" ".join(message.split()))

    return Logger()


def reasons(messages: list[str]) -> str:
    """The messages as the end of a sentence."""
    return "; ".join(dict.fromkeys(messages)) or "TensorRT gives no reason"
