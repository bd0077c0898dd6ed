"""Gated PixelCNN: two stacks of convolutions, so that together they see everything that comes before.

The vertical stack sees rows above, in both directions. The horizontal one sees what is left in its own row, and is told
what the vertical one found. Neither hides anything that it may see, so no blind spot grows.

Source: van den Oord et al. (2016), Conditional image generation with PixelCNN decoders, section 2 and figure 2.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from course_utils.autoregressive.masks import MaskedConv2d, PlaceMap, VerticalConv2d
from course_utils.autoregressive.model import PixelModel
from course_utils.autoregressive.steps import Apply, Places, Rows, call
from course_utils.conditions import Condition
from course_utils.validation import check_choice, check_count

__all__ = ["GatedPixelCNN"]

Told = Sequence[tuple[Tensor | None, Tensor | None]]  # for each block, what its two stacks are told


class GatedBlock(nn.Module):
    """One layer of both stacks: convolution, gate, and on the horizontal side 1×1 and the way around it."""

    def __init__(
        self, width: int, kernel_size: int, dilation: int, n_groups: int, dim: int, gate: str
    ) -> None:
        super().__init__()
        self.n_groups, self.tanh = n_groups, gate == "tanh"
        b: Any = {"mask_type": "B", "n_groups": n_groups}
        self.above = VerticalConv2d(width, 2 * width, kernel_size, own_row=True, dilation=dilation)
        self.beside = MaskedConv2d(width, 2 * width, (1, kernel_size), dilation=(1, dilation), **b)
        self.link = nn.Conv2d(width, 2 * width, 1)
        self.out = MaskedConv2d(width, width, 1, **b)
        nn.init.zeros_(self.out.weight)  # at first each block lets through what it gets
        self.told = nn.Linear(dim, 4 * width, bias=False) if dim else None

    def gated(self, x: Tensor) -> Tensor:
        """Half as many channels: the first half of each group, times the sigmoid of the second."""
        value, gate = x.unflatten(1, (self.n_groups, 2, -1)).unbind(2)
        value = torch.tanh(value) if self.tanh else value
        return (value * torch.sigmoid(gate)).flatten(1, 2)

    def vertical(self, v: Tensor, told: Tensor | None, apply: Apply = call) -> tuple[Tensor, Tensor]:
        """(v, link): the vertical features, and what the horizontal stack is told of them."""
        x = apply(self.above, v)
        found = self.gated(x if told is None else x + told[:, :, None, None])
        return v + found, self.link(found)

    def horizontal(self, h: Tensor, link: Tensor, told: Tensor | None, apply: Apply = call) -> Tensor:
        """The horizontal features h, (batch, width, ...), with what this block adds."""
        x = apply(self.beside, h) + link
        if told is not None:
            x = x + told.view(*told.shape, *[1] * (x.ndim - 2))
        return h + apply(self.out, self.gated(x))

    def tell(self, c: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
        """Numbers that the conditions c (batch, dim) add before the vertical and the horizontal gate."""
        if self.told is None or c is None:
            return None, None
        vertical, horizontal = self.told(c).chunk(2, 1)  # (batch, 2·width) each
        return vertical, horizontal


class GatedPixelCNN(PixelModel):
    """Each pixel from all before it that are near enough, by a vertical and a horizontal stack.

    NOTE: unlike the paper's, the first layer adds a learned number for each place, and so does the last, and the
    vertical stack has a way around each layer too.

    Args:
        image_shape: (height, width), or (channels, height, width) for an order among the channels.
        width: channels of each stack, a multiple of the channels of the image.
        n_blocks: layers of each stack, after the first.
        first_kernel: side of the first layer's kernel, odd, at least 3.
        kernel_size: side of the others', likewise.
        dilations: of these, one block after the other, and from the start again.
        gate: "tanh", whose value in (-1, 1) is multiplied by the sigmoid, or "linear": the gated linear unit of Dauphin
            et al. (2016), quicker to compute, and less steady in a long training.
        n_levels, as_one_hot, condition: see `PixelModel`.

    Raises:
        ValueError: for numbers that do not fit.
    """

    blocks: Any  # of GatedBlock

    def __init__(
        self,
        image_shape: Sequence[int],
        *,
        width: int = 32,
        n_blocks: int = 6,
        first_kernel: int = 7,
        kernel_size: int = 3,
        dilations: Sequence[int] = (1,),
        gate: str = "tanh",
        n_levels: int = 2,
        as_one_hot: bool = False,
        condition: Condition | None = None,
    ) -> None:
        super().__init__(image_shape, n_levels=n_levels, as_one_hot=as_one_hot, condition=condition)
        channels, height, side = self.shape
        if check_count(width, "width") % channels:
            raise ValueError(f"width must be a multiple of the {channels} channels, got {width}")
        check_choice(gate, "gate", ("linear", "tanh"))
        dim = 0 if condition is None else condition.dim
        self.first_above = VerticalConv2d(self.n_read, width, first_kernel, own_row=False)
        self.first_beside = MaskedConv2d(
            self.n_read, width, (1, first_kernel), mask_type="A", n_groups=channels
        )
        self.place_above, self.place_beside = PlaceMap(width, height, side), PlaceMap(width, height, side)
        self.blocks = nn.ModuleList(
            GatedBlock(width, kernel_size, dilations[i % len(dilations)], channels, dim, gate)
            for i in range(check_count(n_blocks, "n_blocks", minimum=0))
        )
        self.hidden = MaskedConv2d(width, width, 1, mask_type="B", n_groups=channels)
        self.last = MaskedConv2d(width, self.n_given, 1, mask_type="B", n_groups=channels)
        self.last_place = PlaceMap(self.n_given, height, side)

    def network(self, x: Tensor, c: Tensor | None) -> Tensor:
        """Logits (batch, n_given, height, width)."""
        x = x.contiguous(memory_format=torch.channels_last)  # twice as fast on a CPU
        told = [block.tell(c) for block in self.blocks]
        links = self.vertical(x, told, call)
        return self.horizontal(x, links, told, call)

    def vertical(self, x: Tensor, told: Told, apply: Apply) -> list[Tensor]:
        """What the vertical stack tells each block, (batch, 2·width, ...), from rows above."""
        v = apply(self.place_above, apply(self.first_above, x))
        links = []
        for block, (tell, _) in zip(self.blocks, told, strict=True):
            v, link = block.vertical(v, tell, apply)
            links.append(link)
        return links

    def horizontal(self, x: Tensor, links: Sequence[Tensor], told: Told, apply: Apply) -> Tensor:
        """The rest of the network."""
        h = apply(self.place_beside, apply(self.first_beside, x))
        for block, link, (_, tell) in zip(self.blocks, links, told, strict=True):
            h = block.horizontal(h, link, tell, apply)
        return apply(self.last_place, apply(self.last, relu(apply(self.hidden, relu(h)))))

    def steps(self, n: int, c: Tensor | None) -> "GatedSteps":
        """Place by place."""
        return GatedSteps(self, n, c)


class GatedSteps:
    """A `GatedPixelCNN`, the vertical stack row by row and the horizontal one place by place; see `Steps`."""

    def __init__(self, model: GatedPixelCNN, n: int, c: Tensor | None) -> None:
        self.model = model
        self.told = [block.tell(c) for block in model.blocks]
        self.rows, self.places = Rows(n, *model.shape[1:]), Places(n, *model.shape[1:])
        self.links: list[Tensor] = []  # of the present row, (n, 2·width, 1, width of the image) each

    def logits(self, x: Tensor, row: int, column: int) -> Tensor:
        """(n, channels[, n_levels]) at this place."""
        if row != self.rows.row:
            self.rows.row = row
            above = x[:, :, row - 1 : row] if row else torch.zeros_like(x[:, :, :1])
            read = self.model.as_read(above) if row else self.model.as_read(above) * 0
            self.links = self.model.vertical(read, self.told, self.rows)
        self.places.move(row, column, self.model.first_beside, partial(self.model.read_at, x))
        links = [link[:, :, 0, column] for link in self.links]
        read = self.model.read_at(x, row, column)
        return self.model.arranged_at(self.model.horizontal(read, links, self.told, self.places))
