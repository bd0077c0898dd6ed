"""The memory of convolutions that are computed place by place, or row by row."""

import torch
from torch import Tensor
from torch.nn.functional import conv2d

__all__ = ["ConvSteps", "RowSteps"]


class ConvSteps:
    """A masked convolution, place by place.

    Args:
        weight: (out, in, rows, columns), the centre in the last row, zeros to the right of it.
        bias: (out,).
        above, left, right: pixels that the kernel reaches up and to both sides.
        dilation: (rows, columns).
        size: n, height, width: how many images, and their size.
    """

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor,
        above: int,
        left: int,
        right: int,
        dilation: tuple[int, int],
        size: tuple[int, int, int],
    ) -> None:
        n, height, width = size
        n_out, n_in, _, columns = weight.shape
        self.bias, self.dilation = bias, dilation
        self.above, self.left, self.right = above, left, right
        self.weight_above = weight[:, :, :-1].permute(2, 3, 1, 0).reshape(-1, n_out).contiguous()
        n_beside = columns // 2 + 1 if right else columns
        self.weight_beside = weight[:, :, -1, :n_beside].permute(2, 1, 0).reshape(-1, n_out).contiguous()
        self.read = weight.new_zeros(n, height + above, left + width + right, n_in)

    def __call__(self, x: Tensor, row: int, column: int) -> Tensor:
        """(n, n_out) for what is read at this place, x (n, n_in)."""
        if not (self.above or self.left):
            return torch.addmm(self.bias, x, self.weight_beside)
        self.put(x, row, column)
        step = self.dilation[1]
        beside = self.read[:, row + self.above, column : column + self.left + 1 : step]  # (n, columns, n_in)
        y = torch.addmm(self.bias, beside.flatten(1), self.weight_beside)
        if not self.above:
            return y
        last = column + self.left + self.right + 1
        above = self.read[:, row : row + self.above : self.dilation[0], column:last:step]
        return torch.addmm(y, above.flatten(1), self.weight_above)

    def put(self, x: Tensor, row: int, column: int) -> None:
        """Remember x (n, n_in) of this place."""
        self.read[:, row + self.above, self.left + column] = x


class RowSteps:
    """A convolution that reads whole rows, row by row.

    Args:
        weight: (out, in, rows, columns), the last row for the row that is given last.
        bias: (out,).
        dilation: of rows and columns.
        size: n, height, width: how many images, and their size.
    """

    def __init__(self, weight: Tensor, bias: Tensor, dilation: int, size: tuple[int, int, int]) -> None:
        n, height, width = size
        self.weight, self.bias, self.dilation = weight, bias, dilation
        self.above = (weight.shape[2] - 1) * dilation
        self.side = weight.shape[3] // 2 * dilation
        self.read = weight.new_zeros(n, weight.shape[1], height + self.above, width)

    def __call__(self, x: Tensor, row: int) -> Tensor:
        """(n, n_out, 1, width) for x (n, n_in, 1, width), the row that comes after those given before."""
        self.read[:, :, row + self.above] = x[:, :, 0]
        rows = self.read[:, :, row : row + self.above + 1]
        return conv2d(rows, self.weight, self.bias, padding=(0, self.side), dilation=self.dilation)
