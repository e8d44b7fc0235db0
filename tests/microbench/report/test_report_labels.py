"""How figures and tables name what a row was run in: on a GPU never without saying what was timed."""

import pytest

from microbench.measure.record import Configuration
from microbench.report.labels import configuration_label


@pytest.mark.parametrize(
    ("configuration", "label"),
    [
        (Configuration("onnxruntime"), "onnxruntime fp32, 1 thread"),
        (Configuration("openvino", "bf16", threads=4), "openvino bf16, 4 threads"),
        (Configuration("tensorrt", "fp16", "cuda", 1, "kernel_span"), "tensorrt fp16, cuda, kernel span"),
        (
            Configuration("tensorrt", "tf32", "cuda", 1, "isolated", "cold"),
            "tensorrt tf32, cuda, isolated, cold inputs",
        ),
    ],
)
def test_a_label_says_what_tells_rows_apart(configuration: Configuration, label: str) -> None:
    assert configuration_label(configuration) == label
