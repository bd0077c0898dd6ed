"""PixelRNN with diagonal LSTMs, which see nearly all pixels before the present one.

Source: van den Oord, Kalchbrenner and Kavukcuoglu (2016), Pixel recurrent neural networks, section 3.2 and figure 3.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, pad

from course_utils.autoregressive.lstm import RecurrentModel, lstm_cell
from course_utils.autoregressive.masks import MaskedConv2d

__all__ = ["DiagonalBiLSTM", "skew", "unskew"]


def skew(x: Tensor) -> Tensor:
    """Shift row i to the right by i, so that each diagonal of an image becomes a column.

    Args:
        x: (..., height, width).

    Returns:
        (..., height, height + width - 1), with zeros in the gaps.
    """
    height, width = x.shape[-2:]
    flat = pad(x, (0, height)).flatten(-2)[..., : height * (width + height - 1)]
    return flat.unflatten(-1, (height, width + height - 1))


def unskew(x: Tensor) -> Tensor:
    """Undo `skew`: (..., height, width) from (..., height, height + width - 1)."""
    height, columns = x.shape[-2:]
    flat = pad(x.flatten(-2), (0, height))
    return flat.unflatten(-1, (height, columns + 1))[..., : columns - height + 1]


class DiagonalLSTM(nn.Module):
    """An LSTM from the upper left to the lower right, one diagonal after the other.

    The pixels of a diagonal do not depend on each other, only on those of the diagonal before: on their left and their
    upper neighbours. So an image of N×N takes 2N - 1 steps, not N².
    """

    def __init__(self, width: int, n_groups: int) -> None:
        super().__init__()
        self.width, self.n_groups = width, n_groups
        self.from_input = MaskedConv2d(width, 4 * width, 1, mask_type="B", n_groups=n_groups)
        self.from_left = nn.Linear(width, 4 * width, bias=False)
        self.from_above = nn.Linear(width, 4 * width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """States (batch, width, rows, columns) for x of that shape."""
        gates = skew(self.from_input(x))  # (batch, 4·width, rows, diagonals)
        h = c = x.new_zeros(len(x), x.shape[2], self.width)  # (batch, rows, width)
        states = []
        for diagonal in range(gates.shape[-1]):
            told = self.from_left(h) + self.from_above(pad(h, (0, 0, 1, 0))[:, :-1])
            gate = (gates[..., diagonal].mT + told).flatten(0, 1)  # (batch·rows, 4·width)
            h, c = lstm_cell(gate, c.flatten(0, 1), self.n_groups)
            h, c = (
                part.view(len(x), -1, self.width) for part in (h, c)
            )  # 0 before a row begins: its gates are
            states.append(h)
        return unskew(torch.stack(states, -1).transpose(1, 2))

    def cell(self, gates: Tensor, left: tuple[Tensor, Tensor], h_above: Tensor) -> tuple[Tensor, Tensor]:
        """(h, c) of one place, from its gates (n, 4·width), the (h, c) to its left, and the h above, (n, width)."""
        told = self.from_left(left[0]) + self.from_above(h_above)
        return lstm_cell(gates + told, left[1], self.n_groups)


class DiagonalBiLSTMLayer(nn.Module):
    """Two diagonal LSTMs, one from each upper corner.

    What the one from the right says of a pixel contains pixels to the right of it, so it is used one row further down.
    """

    def __init__(self, width: int, n_groups: int) -> None:
        super().__init__()
        self.from_left, self.from_right = DiagonalLSTM(width, n_groups), DiagonalLSTM(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """States (batch, width, rows, columns) for x of that shape."""
        right = self.from_right(x.flip(-1)).flip(-1)
        return self.from_left(x) + pad(right, (0, 0, 1, 0))[:, :, :-1]

    def steps(self, n: int, height: int, width: int) -> "DiagonalBiLSTMSteps":
        """The same for one place at a time, for n images."""
        return DiagonalBiLSTMSteps(self, n, width)


class DiagonalBiLSTMSteps:
    """A `DiagonalBiLSTMLayer`, place by place; the one from the right takes a row when it is complete."""

    def __init__(self, layer: DiagonalBiLSTMLayer, n: int, width: int) -> None:
        self.layer = layer
        shape = (width + 1, n, layer.from_left.width)  # one more place, beside the image, that stays zero
        weight = layer.from_left.from_left.weight
        self.read, self.h, self.c = weight.new_zeros(3, *shape)  # of the present row
        self.h_above, self.right = weight.new_zeros(2, *shape)  # of the row above
        self.row = 0

    def __call__(self, x: Tensor, row: int, column: int) -> Tensor:
        """(n, width) for x (n, width)."""
        if row != self.row:
            self.row = row
            self.h_above = self.h.clone()
            self.go_back()
        self.read[column] = x
        layer = self.layer.from_left
        left = (self.h[column - 1], self.c[column - 1])  # of column -1: the place beside the image
        h, c = layer.cell(gates_at(layer, x), left, self.h_above[column])
        self.h[column], self.c[column] = h, c
        return h + self.right[column]

    def go_back(self) -> None:
        """The LSTM from the right, over the row that is complete."""
        layer = self.layer.from_right
        gates = gates_at(layer, self.read)  # (width + 1, n, 4·width)
        h = c = torch.zeros_like(self.h[0])
        for column in range(len(self.h) - 2, -1, -1):
            h, c = layer.cell(gates[column], (h, c), self.right[column])
            self.right[column] = h


def gates_at(layer: DiagonalLSTM, x: Tensor) -> Tensor:
    """What the layer's input adds to its gates, (..., 4·width), for x (..., width)."""
    return linear(x, layer.from_input.masked_weight()[:, :, 0, 0], layer.from_input.bias)


class DiagonalBiLSTM(RecurrentModel):
    """PixelRNN with diagonal LSTMs from both upper corners.

    Each pixel is drawn from all before it, but for one: the last of the row above is known only to what the first
    convolution says of the row below it. Where that does not reach from the pixel, it is not seen.

    NOTE: unlike the paper's, the first layer adds a learned number for each place, and so does the last.

    Args:
        image_shape: (height, width), or (channels, height, width) for an order among the channels.
        width: channels of the states, a multiple of the channels of the image.
        n_layers: of two LSTMs each, one on the other.
        first_kernel: side of the first convolution's kernel, odd.
        n_levels, as_one_hot: see `PixelModel`.

    Raises:
        ValueError: for numbers that do not fit.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        *,
        width: int = 32,
        n_layers: int = 1,
        first_kernel: int = 7,
        n_levels: int = 2,
        as_one_hot: bool = False,
    ) -> None:
        settings = {"width": width, "n_layers": n_layers, "first_kernel": first_kernel}
        super().__init__(
            image_shape, DiagonalBiLSTMLayer, **settings, n_levels=n_levels, as_one_hot=as_one_hot
        )
