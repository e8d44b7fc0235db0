"""What differs between two models that a difference in latency may follow from."""

from __future__ import annotations

from microbench.gate.onnx_file import OnnxFile


def differences(base: OnnxFile, head: OnnxFile) -> list[str]:
    """In words, e.g. ["operators 2 → 3", "Conv 2 → 3"]; empty if the files are equal."""
    if base.sha256 == head.sha256:
        return []
    found = [
        f"{kind} {base.operators.get(kind, 0)} → {head.operators.get(kind, 0)}"
        for kind in sorted({*base.operators, *head.operators})
        if base.operators.get(kind, 0) != head.operators.get(kind, 0)
    ]
    if base.nodes != head.nodes:
        found.insert(0, f"operators {base.nodes} → {head.nodes}")
    for kind in sorted({*base.parameter_bytes, *head.parameter_bytes}):
        before, after = base.parameter_bytes.get(kind, 0), head.parameter_bytes.get(kind, 0)
        if before != after:
            found.append(f"{kind} weights {_size(before)} → {_size(after)}")
    if base.opset != head.opset:
        found.append(f"opset {base.opset} → {head.opset}")
    return found or ["the files differ in values or attributes alone"]


def _size(count: int) -> str:
    return f"{count / 1e6:.2f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"
