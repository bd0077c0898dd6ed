"""MADE: a fully connected network whose masks keep every output from seeing its own input and later ones.

Source: Germain et al. (2015), MADE: masked autoencoder for distribution estimation, section 4.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, relu

from course_utils.autoregressive.masks import PlaceMap
from course_utils.autoregressive.model import PixelModel
from course_utils.validation import check_count

__all__ = ["MADE", "MaskedLinear"]


class MaskedLinear(nn.Module):
    """A linear layer of which a mask keeps some weights at zero.

    Args:
        mask: (n_out, n_in), zeros and ones.
    """

    mask: Tensor

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        self.register_buffer("mask", mask.float(), persistent=False)
        like = nn.Linear(mask.shape[1], mask.shape[0])
        self.weight, self.bias = like.weight, like.bias

    def forward(self, x: Tensor) -> Tensor:
        """(batch, n_out) for x (batch, n_in)."""
        return linear(x, self.weight * self.mask, self.bias)


class MADE(PixelModel):
    """Each pixel from all before it, by one pass of a masked fully connected network.

    Every hidden unit has a number m, and sees only pixels 0 to m. The output for pixel i reads only units with m < i.

    NOTE: the paper draws the numbers at random; here they are spread evenly.

    Args:
        image_shape: (height, width), or (channels, height, width).
        hidden: units of each hidden layer.
        n_levels, as_one_hot: see `PixelModel`.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        *,
        hidden: Sequence[int] = (500,),
        n_levels: int = 2,
        as_one_hot: bool = False,
    ) -> None:
        super().__init__(image_shape, n_levels=n_levels, as_one_hot=as_one_hot)
        channels, height, width = self.shape
        n_pixels = channels * height * width
        read = torch.arange(n_pixels).repeat_interleave(self.n_read // channels)  # number of the pixel read
        given = torch.arange(n_pixels).repeat_interleave(self.n_given // channels)
        layers: list[nn.Module] = []
        self.numbers: list[Tensor] = []  # of the units of each hidden layer, ascending
        before = read
        for size in (check_count(size, "hidden") for size in hidden):
            number = torch.arange(size) * max(n_pixels - 1, 1) // size  # from 0 to n_pixels - 2
            layers.append(MaskedLinear(before[None] <= number[:, None]))
            self.numbers.append(number)
            before = number
        self.hidden = nn.ModuleList(layers)
        # Without a hidden layer the output reads the pixels themselves.
        self.last = MaskedLinear(before[None] < given[:, None])
        self.last_place = PlaceMap(self.n_given, height, width)

    def in_order(self, x: Tensor) -> Tensor:
        """(batch, pixels·numbers of each), pixels in their order, from x (batch, n_read, height, width)."""
        channels = self.shape[0]
        return x.unflatten(1, (channels, -1)).permute(0, 3, 4, 1, 2).flatten(1)

    def network(self, x: Tensor, c: Tensor | None) -> Tensor:
        """Logits (batch, n_given, height, width)."""
        channels, height, width = self.shape
        x = self.in_order(x)
        for layer in self.hidden:
            x = relu(layer(x))
        given = self.last(x).view(len(x), height, width, channels, -1)
        return self.last_place(given.permute(0, 3, 4, 1, 2).flatten(1, 2))

    def steps(self, n: int, c: Tensor | None) -> "MADESteps":
        """Place by place."""
        return MADESteps(self, n)


class MADESteps:
    """A `MADE` place by place: each hidden unit is computed when the last pixel that it sees is known; see `Steps`."""

    def __init__(self, model: MADE, n: int) -> None:
        self.model = model
        layers: list[Any] = [*model.hidden, model.last]
        self.weights = [layer.weight * layer.mask for layer in layers]
        self.biases = [layer.bias for layer in layers]
        self.units = [self.weights[0].new_zeros(n, len(bias)) for bias in self.biases[:-1]]
        self.read = self.weights[0].new_zeros(n, self.weights[0].shape[1])
        self.n_known = 0  # pixels that will not change any more

    def logits(self, x: Tensor, row: int, column: int) -> Tensor:
        """(n, channels[, n_levels]) at this place."""
        model = self.model
        channels, _, width = model.shape
        place = row * width + column
        self.read_places(x, self.n_known // channels, place + 1)
        first, last = (
            self.n_known,
            channels * (place + 1) - 1,
        )  # the last channel is seen by later pixels only
        before = self.read
        for layer, numbers in enumerate(model.numbers):
            start, stop = torch.searchsorted(numbers, torch.tensor([first, last])).tolist()
            weight, bias = self.weights[layer][start:stop], self.biases[layer][start:stop]
            self.units[layer][:, start:stop] = relu(linear(before, weight, bias))
            before = self.units[layer]
        self.n_known = channels * place
        rows = slice(place * model.n_given, (place + 1) * model.n_given)
        given = linear(before, self.weights[-1][rows], self.biases[-1][rows])
        return model.arranged_at(given + model.last_place.map[:, row, column])

    def read_places(self, x: Tensor, start: int, stop: int) -> None:
        """Read the pixels at places start to stop - 1, counted in raster order."""
        width, n_read = self.model.shape[2], self.model.n_read
        for place in range(start, stop):
            here = self.model.read_at(x, place // width, place % width)
            self.read[:, place * n_read : (place + 1) * n_read] = here
