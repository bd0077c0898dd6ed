"""Data in pieces: an array cut into blocks of rows, or blocks that come from a disk one by one."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_utils.validation import check_points

__all__ = ["Chunks", "sample_rows"]


def as_float_tensor(block: Any) -> Tensor:
    """`block` as a float32 or float64 tensor, without a copy where memory allows it."""
    if not isinstance(block, Tensor):
        block = np.asarray(block)
        if block.dtype.kind not in "fiub":
            raise TypeError(f"x must hold real numbers, got dtype {block.dtype}")
        if not block.flags.writeable or any(stride < 0 for stride in block.strides):
            block = block.copy()  # what PyTorch cannot wrap
        block = torch.from_numpy(block)
    if block.dtype in (torch.float32, torch.float64):
        return block.detach()
    return block.detach().to(torch.float32 if block.is_floating_point() else torch.float64)


def is_array(data: Any) -> bool:
    """Whether `data` is one array: a tensor, what NumPy takes for one, or nested lists of numbers."""
    if isinstance(data, Tensor) or hasattr(data, "__array__") or hasattr(data, "shape"):
        return True
    if isinstance(data, list | tuple):
        return not data or not (is_array(data[0]) and np.ndim(data[0]) == 2)
    return not hasattr(data, "__iter__")


class Chunks:
    """Iterates over the data in blocks of at most `rows` rows, as often as asked.

    Args:
        data: an array or tensor (n, d), also one that is mapped from a file; or a re-iterable of such
            blocks: a list of them, or an object whose `__iter__` starts anew at each call.
        rows: the largest block to hand out; None for blocks as they come.

    Raises:
        TypeError: for something that can be read only once, such as a generator: EM reads the data at
            every iteration.
        ValueError: while iterating, for blocks of another width, wrong shapes, NaN or infinity.
    """

    def __init__(self, data: Any, rows: int | None = None) -> None:
        if not is_array(data) and iter(data) is data:
            raise TypeError(
                f"x can be read only once ({type(data).__name__}), but EM reads the data at every iteration; "
                "pass a list of blocks, or an object whose __iter__ starts anew"
            )
        self.data = data
        self.rows = rows

    def __iter__(self) -> Iterator[Tensor]:
        n_features = None
        for block in [self.data] if is_array(self.data) else self.data:
            if not hasattr(block, "shape"):
                block = np.asarray(block)
            if len(block.shape) != 2 or 0 in block.shape:
                check_points(as_float_tensor(block), "x")  # raises, and says what is wrong
            for start in range(0, len(block), self.rows or len(block)):
                piece = as_float_tensor(block[start : start + (self.rows or len(block))])
                yield check_points(piece, "x", n_features=n_features)
                n_features = piece.shape[1]


def sample_rows(chunks: Iterable[Tensor], n_rows: int, *, generator: torch.Generator | None = None) -> Tensor:
    """At most `n_rows` rows, every subset equally likely, in one pass and constant memory.

    Every row gets a random key, and the rows with the smallest keys stay. Fewer rows than asked for come
    back complete and in their order.
    """
    kept: Tensor | None = None
    keys = torch.empty(0)
    for x in chunks:
        kept = x if kept is None else torch.cat([kept, x])
        keys = torch.cat([keys, torch.rand(len(x), generator=generator)])
        if len(kept) > n_rows:
            keys, index = keys.topk(n_rows, largest=False)
            kept = kept[index.to(kept.device)]
    if kept is None:
        raise ValueError("x is empty: it gave no block of data; pass at least one block of shape (n, d)")
    return kept
