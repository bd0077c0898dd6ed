"""Masked convolutions one place at a time, in raster order: what makes sampling fast.

Each remembers what it has read. A place costs then one small product of matrices, where the naive loop computes the
whole image anew.
"""

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from course_utils.autoregressive.masks import MaskedConv2d, VerticalConv2d

__all__ = ["PlaceMap", "Places", "Rows", "Steps"]


class Steps(Protocol):
    """A model that goes over images place by place, and keeps what it has computed."""

    def logits(self, x: Tensor, row: int, column: int) -> Tensor:
        """What the model says of the pixel at (row, column), (n, channels) or (n, channels, n_levels).

        Places come in raster order, all of them; x (n, channels, height, width) is final before this pixel. One place may come
        several times in a row, as the channels of its pixel become known.
        """


class PlaceMap(nn.Module):
    """Adds a learned number for each channel and place: a convolution alone does not know where it is.

    Args:
        channels, height, width: of what it is added to.
    """

    def __init__(self, channels: int, height: int, width: int) -> None:
        super().__init__()
        self.map = nn.Parameter(torch.zeros(channels, height, width))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width), of the same shape as x."""
        return x + self.map


class ConvSteps:
    """A `MaskedConv2d`, place by place.

    Args:
        conv: the layer.
        n: images.
        height, width: of each.
    """

    def __init__(self, conv: MaskedConv2d, n: int, height: int, width: int) -> None:
        weight = conv.masked_weight().detach()  # (out, in, rows, columns)
        n_out, n_in, _, columns = weight.shape
        self.conv, self.bias = conv, conv.bias
        self.above = weight[:, :, :-1].permute(2, 3, 1, 0).reshape(-1, n_out).contiguous()
        n_beside = columns if conv.right == 0 else columns // 2 + 1
        self.beside = weight[:, :, -1, :n_beside].permute(2, 1, 0).reshape(-1, n_out).contiguous()
        self.read = weight.new_zeros(n, height + conv.above, conv.left + width + conv.right, n_in)

    def __call__(self, x: Tensor, row: int, column: int) -> Tensor:
        """(n, n_out) for what is read at this place, x (n, n_in)."""
        conv = self.conv
        if not (conv.above or conv.left):
            return torch.addmm(self.bias, x, self.beside)
        self.put(x, row, column)
        beside = self.read[:, row + conv.above, column : column + conv.left + 1 : conv.dilation[1]]
        y = torch.addmm(self.bias, beside.flatten(1), self.beside)
        if not conv.above:
            return y
        last = column + conv.left + conv.right + 1
        above = self.read[
            :, row : row + conv.above : conv.dilation[0], column : last : conv.dilation[1]
        ]  # (n, rows, columns, n_in)
        return torch.addmm(y, above.flatten(1), self.above)

    def put(self, x: Tensor, row: int, column: int) -> None:
        """Remember x (n, n_in) of this place."""
        self.read[:, row + self.conv.above, self.conv.left + column] = x


class RowSteps:
    """A `VerticalConv2d`, row by row.

    Args:
        conv: the layer.
        n: images.
        height, width: of each.
    """

    def __init__(self, conv: VerticalConv2d, n: int, height: int, width: int) -> None:
        self.conv = conv
        self.above = (conv.weight.shape[2] - 1) * conv.dilation
        self.read = conv.weight.new_zeros(n, conv.weight.shape[1], height + self.above, width)

    def __call__(self, x: Tensor, row: int) -> Tensor:
        """(n, n_out, 1, width) for the last row that it may read, x (n, n_in, 1, width)."""
        self.read[:, :, row + self.above] = x[:, :, 0]
        rows = self.read[:, :, row : row + self.above + 1]
        conv = self.conv
        return conv2d(rows, conv.weight, conv.bias, padding=(0, conv.reach), dilation=conv.dilation)


class Places:
    """Applies the layers of a network at one place, each with its own memory: a stand-in for calling them.

    A network written as `network(x, apply)`, which calls its layers as `apply(layer, x)`, can then be computed for whole
    images or for one place at a time.

    Args:
        n, height, width: how many images, and their size.
    """

    def __init__(self, n: int, height: int, width: int) -> None:
        self.size = (n, height, width)
        self.row = self.column = 0
        self.memory: dict[nn.Module, Any] = {}

    def move(self, row: int, column: int, first: nn.Module, read_at: Callable[[int, int], Tensor]) -> None:
        """Go to a place. The pixel at the last one is known by now: hand it to the layer that reads the image.

        Args:
            row, column: of the place.
            first: that layer.
            read_at: gives what it reads at a place, (n, n_in).
        """
        if (row, column) != (self.row, self.column) and first in self.memory:
            self.memory[first].put(read_at(self.row, self.column), self.row, self.column)
        self.row, self.column = row, column

    def __call__(self, layer: nn.Module, x: Tensor) -> Tensor:
        """(n, n_out) for x (n, n_in) at the place (self.row, self.column)."""
        if isinstance(layer, PlaceMap):
            return x + layer.map[:, self.row, self.column]
        if isinstance(layer, MaskedConv2d):
            if layer not in self.memory:
                self.memory[layer] = ConvSteps(layer, *self.size)
            return self.memory[layer](x, self.row, self.column)
        return layer(x)


class Rows:
    """Applies the layers of a vertical stack to one row, as `Places` does at one place.

    The first layer may not read its own row: it is given the row above, and zeros for the first row.
    """

    def __init__(self, n: int, height: int, width: int) -> None:
        self.size = (n, height, width)
        self.row = 0
        self.memory: dict[nn.Module, RowSteps] = {}

    def __call__(self, layer: nn.Module, x: Tensor) -> Tensor:
        """(n, n_out, 1, width) for x (n, n_in, 1, width) of the row self.row."""
        if isinstance(layer, PlaceMap):
            return x + layer.map[:, self.row : self.row + 1]
        if isinstance(layer, VerticalConv2d):
            if layer not in self.memory:
                self.memory[layer] = RowSteps(layer, *self.size)
            return self.memory[layer](x, self.row)
        return layer(x)
