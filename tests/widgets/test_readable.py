"""Networks read layer by layer: a second reader gets PyTorch's output from what was read."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from course_utils.translation import UNet
from course_utils.widgets.readable import read_network, unknown_layer, unrolled


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


def run_in_torch(layers, numbers, x):
    """What the browser does, by PyTorch's functions: the layers of a U-Net, one after the other."""
    kept, at = [], 0
    for layer in layers:
        n_weights, n_biases = numbers_of(layer)
        weight, bias = torch.from_numpy(numbers[at : at + n_weights + n_biases]).split([n_weights, n_biases])
        at += n_weights + n_biases
        match layer["kind"]:
            case "keep":
                kept.append(x)
            case "join":
                x = torch.cat([x, kept.pop()], 1)
            case "convolution":
                shape = layer["outputs"], layer["inputs"], layer["kernel"], layer["kernel"]
                x = functional.conv2d(x, weight.view(shape), bias, padding="same")
            case "pixel_unshuffle":
                x = functional.pixel_unshuffle(x, layer["factor"])
            case "pixel_shuffle":
                x = functional.pixel_shuffle(x, layer["factor"])
            case "leaky_relu":
                x = functional.leaky_relu(x, layer["slope"])
            case "sigmoid":
                x = x.sigmoid()
    assert at == len(numbers)
    assert not kept
    return x


@pytest.mark.parametrize("depth", [1, 3])
def test_a_unet_is_read_as_it_runs(depth):
    torch.manual_seed(0)
    unet = UNet((16, 24), (3, 16, 24), width=6, depth=depth)
    for _ in range(5):
        unet(torch.rand(20, 16, 24))
    unet.eval()
    layers, numbers = read_network(unrolled(unet))
    x = torch.rand(4, 16, 24)
    with torch.no_grad():
        torch.testing.assert_close(run_in_torch(layers, numbers, x[:, None]), unet(x), atol=1e-5, rtol=0)


def test_the_layer_that_is_not_known_is_found():
    strange = nn.Softplus()
    assert unknown_layer(nn.Sequential(nn.ReLU(), nn.Sequential(nn.Linear(1, 1), strange))) is strange
    assert unknown_layer(nn.Sequential(nn.ReLU(), nn.PixelUnshuffle(2))) is None
