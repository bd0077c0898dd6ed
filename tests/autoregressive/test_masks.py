"""Masks, and layers that see only what comes before."""

import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d

from course_utils.autoregressive import MaskedConv2d, VerticalConv2d, causal_mask


def test_the_masks_of_one_channel():
    a = causal_mask(3, "A")[0, 0]
    b = causal_mask((3, 5), "B")[0, 0]
    assert a.tolist() == [[1, 1, 1], [1, 0, 0], [0, 0, 0]]
    assert b.tolist() == [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [0, 0, 0, 0, 0]]


def test_the_centre_orders_the_channels():
    def centre(mask_type):
        return causal_mask(3, mask_type, n_out=6, n_in=3, n_groups=3)[:, :, 1, 1].tolist()

    assert centre("A") == [[0, 0, 0], [0, 0, 0], [1, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 0]]
    assert centre("B") == [[1, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 0], [1, 1, 1], [1, 1, 1]]


@pytest.mark.parametrize("mask_type", ["A", "B"])
@pytest.mark.parametrize("kernel_size", [1, 3, 5, (1, 3), (3, 1), (5, 3)])
@pytest.mark.parametrize("dilation", [1, 2, (1, 3)])
@pytest.mark.parametrize("n_groups", [1, 3])
def test_masked_convolution_is_a_convolution_with_a_masked_kernel(mask_type, kernel_size, dilation, n_groups):
    torch.manual_seed(0)
    layer = MaskedConv2d(
        3, 6, kernel_size, mask_type=mask_type, dilation=dilation, n_groups=n_groups
    ).double()
    mask = causal_mask(kernel_size, mask_type, n_out=6, n_in=3, n_groups=n_groups).double()
    whole = torch.randn_like(mask)  # a kernel with weights everywhere, of which the mask leaves some
    rows, columns = layer.weight.shape[2:]
    layer.weight.data = whole[:, :, :rows, :columns]
    x = torch.randn(2, 3, 6, 7, dtype=torch.float64)
    by_pytorch = conv2d(x, whole * mask, layer.bias, padding="same", dilation=dilation)
    torch.testing.assert_close(layer(x), by_pytorch)


@pytest.mark.parametrize("mask_type", ["A", "B"])
def test_jacobian_of_one_layer(mask_type):
    torch.manual_seed(0)
    layer = MaskedConv2d(1, 1, 5, mask_type=mask_type)
    jacobian = torch.autograd.functional.jacobian(layer, torch.randn(1, 1, 5, 5)).view(25, 25)
    assert (jacobian.triu(1) == 0).all(), "nothing from later pixels"
    assert (jacobian.diagonal() != 0).all() == (mask_type == "B"), "its own pixel: only in type B"
    assert (jacobian[12, [0, 4, 10, 11]] != 0).all(), "from those above and to the left within reach"


@pytest.mark.parametrize("mask_type", ["A", "B"])
def test_jacobian_of_channels(mask_type):
    torch.manual_seed(0)
    layer = MaskedConv2d(3, 3, 3, mask_type=mask_type, n_groups=3)
    jacobian = torch.autograd.functional.jacobian(layer, torch.randn(1, 3, 3, 3)).view(3, 9, 3, 9)
    in_order = jacobian.permute(1, 0, 3, 2).reshape(27, 27)  # pixel by pixel, and in it channel by channel
    assert (in_order.triu(1) == 0).all()
    assert (in_order.diagonal() != 0).all() == (mask_type == "B")
    assert in_order[13, 12] != 0, "green sees red"


@pytest.mark.parametrize("own_row", [True, False])
def test_vertical_convolution_sees_rows_above(own_row):
    torch.manual_seed(0)
    layer = VerticalConv2d(1, 1, 3, own_row=own_row, dilation=2 if own_row else 1)
    jacobian = torch.autograd.functional.jacobian(layer, torch.randn(1, 1, 5, 5)).view(5, 5, 5, 5)
    rows = jacobian.abs().sum((1, 3))  # (row of the result, row read)
    assert (rows.triu(1) == 0).all()
    assert (rows.diagonal() != 0).all() == own_row
    assert (jacobian[4, 2, 2 if own_row else 3] != 0).sum() == 3, "three columns"


def test_first_weights_are_those_of_pytorch():
    torch.manual_seed(0)
    layer = MaskedConv2d(2, 3, 3, mask_type="B")
    torch.manual_seed(0)
    torch.testing.assert_close(layer.weight, nn.Conv2d(2, 3, (2, 3)).weight)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"kernel_size": 4, "mask_type": "A"}, "kernel_size must be odd"),
        ({"kernel_size": (3, 3, 3), "mask_type": "A"}, "kernel_size must be a number or"),
        ({"kernel_size": 3, "mask_type": "C"}, "mask_type must be one of 'A', 'B'"),
        ({"kernel_size": 3, "mask_type": "A", "n_groups": 3}, "n_out must be a multiple of the 3 groups"),
    ],
)
def test_bad_masks(arguments, words):
    with pytest.raises(ValueError, match=words):
        MaskedConv2d(2, 4, **arguments)
    with pytest.raises(ValueError, match="kernel_size must be odd"):
        VerticalConv2d(2, 4, 4, own_row=True)
