"""Whether a forward pass is being recorded as a trace, which is to serve other sizes too."""

import torch


def is_traced() -> bool:
    """Whether torch.jit.trace, or the ONNX exporter that builds on it, records: sizes are tensors then."""
    return bool(torch.jit.is_tracing())  # type: ignore[attr-defined, no-untyped-call]
