"""Layers that look only at what comes before: the raster order, row by row, and within a pixel its channels in turn."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

from course_utils.autoregressive.convolution_steps import ConvSteps, RowSteps
from course_utils.validation import check_choice, check_count

__all__ = ["MaskedConv2d", "PlaceMap", "VerticalConv2d", "causal_mask"]


def causal_mask(
    kernel_size: int | Sequence[int], mask_type: str, *, n_out: int = 1, n_in: int = 1, n_groups: int = 1
) -> Tensor:
    """1 where the kernel of a masked convolution may look, 0 elsewhere.

    All rows above the centre are allowed, and in its own row all that is left of it. At the centre itself the
    channels decide. They are cut into `n_groups` equal groups, such as red, green and blue. Type A lets a group see
    the groups before its own, type B its own as well. With one group, A is blind at the centre and B is not.

    Args:
        kernel_size: odd, or (height, width), both odd.
        mask_type: "A", for the layer that reads the image, or "B", for all that follow.
        n_out: channels of the result, a multiple of n_groups.
        n_in: channels read, a multiple of n_groups.
        n_groups: channels of the image.

    Returns:
        (n_out, n_in, height, width), zeros and ones.

    Raises:
        ValueError: for an even kernel, another type, or channels that cannot be shared out.

    Source: van den Oord, Kalchbrenner and Kavukcuoglu (2016), Pixel recurrent neural networks, section 3.4.
    """
    height, width = _pair(kernel_size, "kernel_size")
    if height % 2 == 0 or width % 2 == 0:
        raise ValueError(f"kernel_size must be odd, so that there is a centre, got {(height, width)}")
    check_choice(mask_type, "mask_type", ("A", "B"))
    for name, number in (("n_out", n_out), ("n_in", n_in)):
        if check_count(number, name) % check_count(n_groups, "n_groups"):
            raise ValueError(f"{name} must be a multiple of the {n_groups} groups, got {number}")
    mask = torch.ones(n_out, n_in, height, width)
    mask[:, :, height // 2 + 1 :] = 0
    mask[:, :, height // 2, width // 2 + 1 :] = 0
    group_out = torch.arange(n_out) * n_groups // n_out
    group_in = torch.arange(n_in) * n_groups // n_in
    seen = group_in < group_out[:, None] if mask_type == "A" else group_in <= group_out[:, None]
    mask[:, :, height // 2, width // 2] = seen.float()
    return mask


class MaskedConv2d(nn.Module):
    """A convolution that sees, of the image it reads, only pixels before its own in raster order.

    The rows of the kernel below the centre would hold nothing but zeros, so they are not stored; nor, in a kernel of
    one row, are the columns to the right. The image is padded with zeros, its size stays.

    Args:
        in_channels: channels read.
        out_channels: channels of the result.
        kernel_size: odd, or (height, width), both odd; of the whole kernel, before it is cut.
        mask_type: "A" or "B", see `causal_mask`.
        dilation: distance between the pixels that the kernel reads, or (rows, columns).
        n_groups: channels of the image, for an order among them.

    Attributes:
        weight: (out_channels, in_channels, rows, columns) of the part that is kept.
        mask: the same shape, zeros and ones.
    """

    mask: Tensor
    bias: Any

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int],
        *,
        mask_type: str,
        dilation: int | Sequence[int] = 1,
        n_groups: int = 1,
    ) -> None:
        super().__init__()
        height, width = _pair(kernel_size, "kernel_size")
        mask = causal_mask(
            (height, width), mask_type, n_out=out_channels, n_in=in_channels, n_groups=n_groups
        )
        self.mask_type = mask_type
        self.dilation = _pair(dilation, "dilation")
        self.above, self.left = height // 2 * self.dilation[0], width // 2 * self.dilation[1]
        self.right = self.left if height > 1 else 0
        self.register_buffer(
            "mask", mask[:, :, : height // 2 + 1, : width if height > 1 else width // 2 + 1], persistent=False
        )
        like = nn.Conv2d(in_channels, out_channels, (self.mask.shape[2], self.mask.shape[3]))
        self.weight, self.bias = like.weight, like.bias  # PyTorch's first weights

    def masked_weight(self) -> Tensor:
        """The weights with the mask on them."""
        return self.weight * self.mask

    def forward(self, x: Tensor) -> Tensor:
        """(batch, out_channels, height, width) for x (batch, in_channels, height, width)."""
        if self.above or self.left:
            x = pad(x, (self.left, self.right, self.above, 0))
        return conv2d(x, self.masked_weight(), self.bias, dilation=self.dilation)

    def steps(self, n: int, height: int, width: int) -> ConvSteps:
        """The same for one place at a time, for n images."""
        reach = (self.above, self.left, self.right)
        return ConvSteps(self.masked_weight(), self.bias, *reach, self.dilation, (n, height, width))

    def extra_repr(self) -> str:
        """The sizes, for print."""
        n_out, n_in, rows, columns = self.weight.shape
        return f"{n_in}, {n_out}, kernel kept={(rows, columns)}, mask_type={self.mask_type!r}, dilation={self.dilation}"


class VerticalConv2d(nn.Module):
    """A convolution that sees rows above, of all columns, and its own row only if `own_row`.

    Args:
        in_channels: channels read.
        out_channels: channels of the result.
        kernel_size: odd; the side of the square that the kernel would fill if it saw rows below too.
        own_row: False for the layer that reads the image; what later layers read knows only rows above.
        dilation: distance between the pixels that the kernel reads.
    """

    bias: Any

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, *, own_row: bool, dilation: int = 1
    ) -> None:
        super().__init__()
        reach = check_count(kernel_size, "kernel_size", minimum=3) // 2
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be odd, got {kernel_size}")
        like = nn.Conv2d(in_channels, out_channels, (reach + own_row, kernel_size))
        self.weight, self.bias = like.weight, like.bias
        self.own_row, self.dilation, self.reach = own_row, dilation, reach * dilation

    def forward(self, x: Tensor) -> Tensor:
        """(batch, out_channels, height, width) for x (batch, in_channels, height, width)."""
        x = pad(x, (self.reach, self.reach, self.reach, 0))
        return conv2d(x if self.own_row else x[:, :, :-1], self.weight, self.bias, dilation=self.dilation)

    def row_steps(self, n: int, height: int, width: int) -> RowSteps:
        """The same for one row at a time, for n images; without its own row it is given the row above."""
        return RowSteps(self.weight, self.bias, self.dilation, (n, height, width))


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

    def steps(self, n: int, height: int, width: int) -> Callable[[Tensor, int, int], Tensor]:
        """The same for one place at a time."""
        return lambda x, row, column: x + self.map[:, row, column]

    def row_steps(self, n: int, height: int, width: int) -> Callable[[Tensor, int], Tensor]:
        """The same for one row at a time."""
        return lambda x, row: x + self.map[:, row : row + 1]


def _pair(value: int | Sequence[int], name: str) -> tuple[int, int]:
    """(rows, columns) of a number, or of two."""
    both = (value, value) if isinstance(value, int) else tuple(value)
    if len(both) != 2:
        raise ValueError(f"{name} must be a number or (rows, columns), got {value}")
    return check_count(both[0], name), check_count(both[1], name)
