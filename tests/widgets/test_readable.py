"""Networks read layer by layer: a second reader, in NumPy, gets PyTorch's output from what was read."""

import numpy as np
import pytest
import torch
from torch import nn

from course_utils.widgets.readable import read_network


def numbers_of(layer):
    """How many numbers a layer takes from the row of all."""
    kernel = layer.get("kernel", 1) ** 2
    return (layer["inputs"] * layer["outputs"] * kernel, layer["outputs"]) if "inputs" in layer else (0, 0)


def test_layers_and_numbers_come_in_order():
    module = nn.Sequential(
        nn.Sequential(nn.Linear(2, 3), nn.SiLU()),
        nn.Dropout(),
        nn.Linear(3, 8, bias=False),
        nn.Unflatten(1, (2, 2, 2)),
        nn.Conv2d(2, 4, 3, padding=1),
        nn.PixelShuffle(2),
        nn.LeakyReLU(0.1),
        nn.Sigmoid(),
    )
    layers, numbers = read_network(module)
    kinds = ["linear", "silu", "linear", "shape", "convolution", "pixel_shuffle", "leaky_relu", "sigmoid"]
    assert [layer["kind"] for layer in layers] == kinds
    assert layers[3]["shape"] == [2, 2, 2]
    assert layers[5]["factor"] == 2
    assert layers[6]["slope"] == 0.1
    assert numbers.dtype == np.float32
    assert len(numbers) == sum(sum(numbers_of(layer)) for layer in layers)
    x = torch.randn(1, 2)
    weight, bias = numbers[:6].reshape(3, 2), numbers[6:9]
    np.testing.assert_allclose(weight @ x[0].numpy() + bias, module[0][0](x)[0].detach(), rtol=1e-5)
    assert (numbers[9 + 24 : 9 + 24 + 8] == 0).all(), "a layer without a bias has zeros"


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(1, 2, 3),
        nn.Conv2d(1, 2, 4, padding="same"),
        nn.Conv2d(2, 2, 3, padding=1, groups=2),
        nn.Conv2d(1, 2, 3, padding=1, stride=2),
        nn.Conv2d(1, 2, 3, padding=1, dilation=(2, 2)),
        nn.Conv2d(1, 2, 3, padding=1, padding_mode="circular"),
        nn.ConvTranspose2d(1, 2, 2),
        nn.GELU(approximate="tanh"),
        nn.BatchNorm1d(3),
        nn.Flatten(2),
        nn.Unflatten(2, (1, 1)),
        type("Own", (nn.Sequential,), {"forward": lambda self, x: x})(nn.ReLU()),
    ],
    ids=repr,
)
def test_what_the_browser_does_not_know_is_left_to_python(layer):
    assert read_network(nn.Sequential(nn.ReLU(), layer)) is None


def test_functions_are_left_to_python():
    assert read_network(torch.sigmoid) is None
    assert read_network(None) is None
