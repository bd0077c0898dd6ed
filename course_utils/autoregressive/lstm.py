"""Recurrent networks over an image: the cell that they share, and rows.

Source: van den Oord, Kalchbrenner and Kavukcuoglu (2016), Pixel recurrent neural networks, sections 3.1 to 3.4.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import conv1d, relu

from course_utils.autoregressive.masks import MaskedConv2d, PlaceMap
from course_utils.autoregressive.model import PixelModel
from course_utils.autoregressive.steps import Apply, NetworkSteps, call
from course_utils.validation import check_count

__all__ = ["RecurrentModel", "RowLSTM", "lstm_cell"]


def lstm_cell(gates: Tensor, c: Tensor, n_groups: int = 1) -> tuple[Tensor, Tensor]:
    """One step of an LSTM: c ← f·c + i·g, h = o·tanh(c).

    Args:
        gates: (batch, 4·width, ...) before their non-linearities, in each group i, f, o and g.
        c: (batch, width, ...), the memory that is taken over.
        n_groups: groups of channels.

    Returns:
        (h, c), of the shape of c.

    Source: Hochreiter and Schmidhuber (1997), with the forget gate of Gers et al. (2000).
    """
    i, f, o, g = (part.flatten(1, 2) for part in gates.unflatten(1, (n_groups, 4, -1)).unbind(2))
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


class RecurrentModel(PixelModel):
    """A masked convolution, recurrent layers with a way around each, and two 1×1 convolutions; see `RowLSTM`."""

    def __init__(
        self,
        image_shape: Sequence[int],
        layer: type[nn.Module],
        *,
        width: int,
        n_layers: int,
        first_kernel: int,
        n_levels: int,
        as_one_hot: bool,
    ) -> None:
        super().__init__(image_shape, n_levels=n_levels, as_one_hot=as_one_hot)
        channels, height, side = self.shape
        if check_count(width, "width") % channels:
            raise ValueError(f"width must be a multiple of the {channels} channels, got {width}")
        self.first = MaskedConv2d(self.n_read, width, first_kernel, mask_type="A", n_groups=channels)
        self.place = PlaceMap(width, height, side)
        self.recurrent = nn.ModuleList(
            layer(width, channels) for _ in range(check_count(n_layers, "n_layers"))
        )
        self.hidden = MaskedConv2d(width, width, 1, mask_type="B", n_groups=channels)
        self.last = MaskedConv2d(width, self.n_given, 1, mask_type="B", n_groups=channels)
        self.last_place = PlaceMap(self.n_given, height, side)

    def layers(self, x: Tensor, apply: Apply) -> Tensor:
        """The network, its layers applied by `apply`: to whole images, or at one place."""
        x = apply(self.place, apply(self.first, x))
        for layer in self.recurrent:
            x = x + apply(layer, x)
        return apply(self.last_place, apply(self.last, relu(apply(self.hidden, relu(x)))))

    def network(self, x: Tensor, c: Tensor | None) -> Tensor:
        """Logits (batch, n_given, height, width)."""
        return self.layers(x, call)

    def steps(self, n: int, c: Tensor | None) -> NetworkSteps:
        """Place by place."""
        return NetworkSteps(self, n)


class RowLSTMLayer(nn.Module):
    """An LSTM that goes from row to row, for all columns at once.

    The gates read the own row up to the own column, by a masked convolution, and of the row above the states of three
    columns. So the context widens upwards like a triangle.
    """

    def __init__(self, width: int, n_groups: int) -> None:
        super().__init__()
        self.width, self.n_groups = width, n_groups
        self.from_input = MaskedConv2d(width, 4 * width, (1, 3), mask_type="B", n_groups=n_groups)
        self.from_state = nn.Conv1d(width, 4 * width, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """States (batch, width, rows, columns) for x of that shape."""
        gates = self.from_input(x)  # (batch, 4·width, rows, columns), of all rows at once
        h = c = torch.zeros_like(x[:, :, 0])
        states = []
        for row in range(x.shape[2]):
            h, c = lstm_cell(gates[:, :, row] + self.from_state(h), c, self.n_groups)
            states.append(h)
        return torch.stack(states, 2)

    def steps(self, n: int, height: int, width: int) -> "RowLSTMSteps":
        """The same for one place at a time, for n images."""
        return RowLSTMSteps(self, n, height, width)


class RowLSTMSteps:
    """A `RowLSTMLayer`, place by place."""

    def __init__(self, layer: RowLSTMLayer, n: int, height: int, width: int) -> None:
        self.layer = layer
        self.from_input = layer.from_input.steps(n, height, width)
        self.h, self.c = layer.from_state.weight.new_zeros(2, n, layer.width, width)  # of the present row
        self.c_above = self.c.clone()
        self.from_above = conv1d(self.h, layer.from_state.weight, padding=1)
        self.row = 0

    def __call__(self, x: Tensor, row: int, column: int) -> Tensor:
        """(n, width) for x (n, width)."""
        if row != self.row:
            self.row = row
            self.from_above = self.layer.from_state(self.h)
            self.c_above = self.c.clone()
        gates = self.from_input(x, row, column) + self.from_above[:, :, column]
        h, c = lstm_cell(gates, self.c_above[:, :, column], self.layer.n_groups)
        self.h[:, :, column], self.c[:, :, column] = h, c
        return h


class RowLSTM(RecurrentModel):
    """PixelRNN with row LSTMs: each pixel from a triangle of pixels above it, and some to its left.

    NOTE: unlike the paper's, the first layer adds a learned number for each place, and so does the last.

    Args:
        image_shape: (height, width), or (channels, height, width) for an order among the channels.
        width: channels of the states, a multiple of the channels of the image.
        n_layers: LSTMs, one on the other.
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
        n_layers: int = 2,
        first_kernel: int = 7,
        n_levels: int = 2,
        as_one_hot: bool = False,
    ) -> None:
        settings = {"width": width, "n_layers": n_layers, "first_kernel": first_kernel}
        super().__init__(image_shape, RowLSTMLayer, **settings, n_levels=n_levels, as_one_hot=as_one_hot)
