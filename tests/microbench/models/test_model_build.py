"""From a module to a workload: the same each time, folded, and with a signal that survives its depth."""

from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from microbench.models.build import build_workload
from microbench.models.deploy import deployed, initialize


def block(channels: int = 4) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
        nn.Conv2d(channels, channels, 3, padding=1, groups=channels),
        nn.BatchNorm2d(channels),
    )


def with_random_statistics(module: nn.Module) -> nn.Module:
    """As after training: a fresh batch norm does nothing, and would be folded right by mistake."""
    generator = torch.Generator().manual_seed(3)
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            for values in (layer.weight.data, layer.running_var):
                assert isinstance(values, torch.Tensor)
                values.copy_(torch.rand(values.shape, generator=generator) + 0.5)
            for values in (layer.bias.data, layer.running_mean):
                assert isinstance(values, torch.Tensor)
                values.copy_(torch.randn(values.shape, generator=generator))
    return module


def norms(module: nn.Module) -> list[nn.BatchNorm2d]:
    return [layer for layer in module.modules() if isinstance(layer, nn.BatchNorm2d)]


IMAGE = torch.randn(2, 4, 6, 7, generator=torch.Generator().manual_seed(1))

# Deployment


def test_a_deployed_module_has_no_batch_normalisation_and_computes_the_same() -> None:
    module = with_random_statistics(block())
    folded = deployed(module)
    assert norms(folded) == []
    with torch.no_grad():
        torch.testing.assert_close(folded(IMAGE), module(IMAGE), rtol=1e-4, atol=1e-5)


def test_deploying_leaves_the_module_as_it_was() -> None:
    module = with_random_statistics(block())
    before = {key: value.clone() for key, value in module.state_dict().items()}
    deployed(module)
    assert len(norms(module)) == 2
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())


def test_a_deployed_module_is_in_evaluation_mode() -> None:
    for module in (block(), nn.Sequential(nn.Conv2d(4, 4, 1), nn.Dropout(0.5))):
        module.train()
        assert not any(layer.training for layer in deployed(module).modules())


def test_batch_normalisation_that_follows_no_convolution_is_kept() -> None:
    module = with_random_statistics(nn.Sequential(nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 1)))
    folded = deployed(module)
    assert len(norms(folded)) == 1
    with torch.no_grad():
        torch.testing.assert_close(folded(IMAGE), module(IMAGE))


# Workloads


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(block, id="with_batch_normalisation"),
        pytest.param(lambda: nn.Conv2d(4, 4, 3), id="with_a_bias"),
        pytest.param(lambda: nn.ConvTranspose2d(4, 4, 2), id="of_a_kind_that_is_not_initialised"),
    ],
)
def test_a_workload_is_the_same_each_time_it_is_built(make: Callable[[], nn.Module]) -> None:
    built = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - whatever the caller did with the global generators
        built.append(build_workload("same", make, tuple(IMAGE.shape)))
    first, second = built
    assert first.onnx_model == second.onnx_model
    np.testing.assert_array_equal(first.inputs["input"], second.inputs["input"])
    np.testing.assert_array_equal(first.reference[0], second.reference[0])
    assert first.cost == second.cost


def test_building_a_workload_draws_nothing_from_the_callers_generator() -> None:
    before = torch.get_rng_state()
    build_workload("same", lambda: nn.Conv2d(4, 4, 3), (1, 4, 8, 8))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_reference_is_the_unfolded_modules_and_the_models_output() -> None:
    modules: list[nn.Module] = []

    def make() -> nn.Module:
        modules.append(with_random_statistics(block()))
        return modules[-1]

    workload = build_workload("block", make, tuple(IMAGE.shape))
    values = workload.inputs["input"]
    with torch.no_grad():
        unfolded = modules[0].eval()(torch.tensor(values)).numpy()
    np.testing.assert_array_equal(workload.reference[0], unfolded)
    session = onnxruntime.InferenceSession(workload.onnx_model, providers=["CPUExecutionProvider"])
    (output,) = session.run(None, dict(workload.inputs))
    np.testing.assert_allclose(output, unfolded, rtol=1e-4, atol=1e-4)
    assert workload.module is not modules[0]
    with torch.no_grad():
        np.testing.assert_allclose(workload.module(torch.from_numpy(values)), unfolded, rtol=1e-4, atol=1e-4)  # type: ignore[misc]


def test_inputs_are_random_normal_and_never_zeros() -> None:
    values = build_workload("block", block, (2, 4, 32, 32)).inputs["input"]
    assert values.dtype == np.float32
    assert abs(values.mean()) < 0.05
    assert values.std() == pytest.approx(1.0, abs=0.05)
    assert not (values == 0).any()


def test_the_exported_model_is_of_static_shapes_and_folded() -> None:
    model = onnx.load_from_string(build_workload("block", block, (2, 4, 6, 7)).onnx_model)
    (value,) = model.graph.input
    assert [dimension.dim_value for dimension in value.type.tensor_type.shape.dim] == [2, 4, 6, 7]
    assert [node.op_type for node in model.graph.node] == ["Conv", "Relu", "Conv"]
    onnx.checker.check_model(model)


# Initialisation


def deep_stack() -> nn.Module:
    layers = [layer for _ in range(30) for layer in (nn.Conv2d(16, 16, 3, padding=1), nn.ReLU())]
    return nn.Sequential(*layers[:-1])


def test_the_signal_of_thirty_layers_stays_in_half_precisions_range() -> None:
    workload = build_workload("deep", deep_stack, (1, 16, 16, 16))
    reference = workload.reference[0]
    # Borders of zeros lose some of it at each layer.
    assert 0.01 < reference.std() < 10
    assert isinstance(workload.module, nn.Module)
    with torch.no_grad():
        output = workload.module.half()(torch.from_numpy(workload.inputs["input"]).half()).float().numpy()
    assert np.isfinite(output).all()
    assert np.abs(output - reference).max() < 0.02 * np.abs(reference).max()


def test_torchs_own_initialisation_would_lose_it() -> None:
    """The reason for ours: what the input changes in the output would drown in half precision."""
    torch.manual_seed(0)
    module = deep_stack().eval()
    inputs = torch.randn(2, 16, 16, 16)
    with torch.no_grad():
        first, second = module(inputs)
    assert (first - second).std() < 1e-4 * first.abs().max()


def test_initialisation_is_settled_by_its_seed() -> None:
    def weights(seed: int) -> torch.Tensor:
        layer = nn.Conv2d(4, 4, 3)
        initialize(layer, seed)
        return layer.weight.detach()

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_weights_are_scaled_by_what_they_read() -> None:
    for layer, reads in (
        (nn.Conv2d(64, 32, 3), 64 * 9),
        (nn.Conv2d(64, 64, 3, groups=64), 9),
        (nn.Linear(256, 64), 256),
    ):
        initialize(layer, 0)
        assert isinstance(layer.weight, torch.Tensor)
        assert layer.weight.std().item() == pytest.approx((2 / reads) ** 0.5, rel=0.1)
