"""From a torch module to a `Workload`: its deployed form, its ONNX export, its cost and its reference output."""
