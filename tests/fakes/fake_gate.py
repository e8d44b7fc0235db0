"""What the gate's tests share: small ONNX models, and processes whose truth is known."""

import math
import os
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from commands import Ended
from onnx import TensorProto, helper, numpy_helper

from microbench.gate.sampling import Task
from microbench.gate.worker import Job

WriteModel = Callable[..., Path]
Microbench = Callable[..., Ended]


def chain(layers: int, *, channels: int = 8, size: int | str = 16, seed: int = 0, outputs: int | None = None) -> bytes:
    """A chain of 3x3 convolutions, the last one with another number of outputs if asked."""
    rng = np.random.default_rng(seed)
    nodes, weights, current = [], [], "image"
    for index in range(layers):
        filters = outputs if outputs and index == layers - 1 else channels
        values = rng.normal(0, 0.1, (filters, channels, 3, 3)).astype(np.float32)
        weights.append(numpy_helper.from_array(values, f"w{index}"))
        name = "scores" if index == layers - 1 else f"map{index}"
        nodes.append(helper.make_node("Conv", [current, f"w{index}"], [name], pads=[1, 1, 1, 1]))
        current = name
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, channels, size, size])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "chain", [image], [scores], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def is_gone(pid: int) -> bool:
    """Whether the process ends within some seconds; one that nobody has waited for yet counts as gone."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
            os.kill(pid, 0)
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.05)
    return False


@dataclass
class FakeProcesses:
    """Replaces the workers: windows drawn from known latencies, with the disturbances that real ones have."""

    slowdowns: dict[str, float] = field(default_factory=dict)
    """Of the head, by workload; whatever is not named has none."""
    null_shift: float = 0.0
    """Of the null arm: what a process does to the same model loaded twice."""
    base_noise: float = 0.008
    """Standard deviation of what one load of the base differs from the next by."""
    head_noise: float = 0.008
    window_noise: float = 0.03
    drift: float = 0.01
    """From one triple to the next, for all arms alike."""
    errors: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    """Of the runtime, by interpreter."""
    killed_after: int | None = None
    """Processes, after which the user presses Ctrl-C."""
    jobs: list[Job] = field(default_factory=list)
    pythons: list[str] = field(default_factory=list)

    def __call__(self, python: str, job: Job) -> tuple[str, list[dict[str, Any]]]:
        if self.killed_after is not None and len(self.jobs) >= self.killed_after:
            raise KeyboardInterrupt
        self.jobs.append(job)
        self.pythons.append(python)
        return self.versions.get(python, "1.0"), [self._entry(task, python) for task in job.tasks]

    def _entry(self, task: Task, python: str) -> dict[str, Any]:
        # Whatever the order of the tasks, which the gate draws from its name.
        rng = np.random.default_rng([len(self.jobs), zlib.crc32(task.workload.encode())])
        if task.workload in self.errors:
            return {"workload": task.workload, "error": self.errors[task.workload]}
        drift = np.cumsum(rng.normal(0, self.drift, 120))
        arms = {}
        for arm in task.arms:
            is_head = arm.name == "head" or python == "head-python"
            shift = rng.normal(0, self.head_noise if is_head else self.base_noise)
            if is_head:
                shift += math.log1p(self.slowdowns.get(task.workload, 0.0))
            if arm.name == "base again":
                shift += self.null_shift
            asked = 100 + (100 // arm.one_more_in if arm.one_more_in else 0)
            # Other tasks' time slices reach a few windows, and only upwards.
            stolen = rng.random(120) * (rng.random(120) < 0.1)
            log_ns = math.log(2e4 * asked) + shift + drift + rng.normal(0, self.window_noise, 120) + stolen
            times = np.exp(log_ns).astype(int).tolist()
            arms[arm.name] = {
                "clock": "cpu_ns", "nominal": 100,
                "asked": asked, "output_difference": 0.0, "runs": [asked] * 120, "wall_ns": times,
                "cpu_ns": times, "preemptions": [0] * 120, "device_ns": [None] * 120,
            }  # fmt: skip
        return {"workload": task.workload, "arms": arms}
