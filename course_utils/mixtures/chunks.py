"""Data in pieces: an array cut into blocks of rows, or blocks that come from a disk one by one."""

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from course_utils import training
from course_utils.validation import as_float_tensor, check_points

__all__ = ["EMPTY", "ROWS_ALIGNED", "Chunks", "Spread", "is_array", "sample_rows", "side_by_side"]

Result = TypeVar("Result")

# Matrix products are up to a tenth slower where the rows of a matrix begin off the borders of cache lines.
ROWS_ALIGNED = 64

EMPTY = "x is empty: it gave no block of data; pass at least one block of shape (n, d)"


def is_array(data: Any) -> bool:
    """Whether `data` is one array: a tensor, what NumPy takes for one, or nested lists of numbers."""
    if isinstance(data, Tensor) or hasattr(data, "__array__") or hasattr(data, "shape"):
        return True
    if isinstance(data, list | tuple):
        return not (data and is_array(data[0]) and np.ndim(data[0]) == 2) and data != []
    return not hasattr(data, "__iter__")


def rows_of_a_piece(n_rows: int, at_most: int) -> int:
    """Rows of each piece of a block: pieces of one size, an even number of them, so that two threads end together.

    Whole multiples of `ROWS_ALIGNED` where that keeps below `at_most`; the last piece may be smaller.
    """
    n_pieces = max(1, math.ceil(n_rows / at_most))
    if n_pieces > 1:
        n_pieces += n_pieces % 2
    return min(at_most, math.ceil(max(n_rows, 1) / n_pieces / ROWS_ALIGNED) * ROWS_ALIGNED)


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
            if len(block.shape) != 2 or block.shape[1] == 0:
                check_points(block, "x")  # raises, and says what is wrong
            rows = rows_of_a_piece(len(block), self.rows or max(len(block), 1))
            for start in range(0, len(block), rows):
                piece = as_float_tensor(block[start : start + rows], "x")
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
        raise ValueError(EMPTY)
    return kept


class Spread(Protocol):
    """The type of `map` with one iterable."""

    def __call__(self, work: Callable[[Tensor], Result], chunks: Iterable[Tensor], /) -> Iterator[Result]:
        """`work` of every chunk, in their order."""


@contextmanager
def side_by_side() -> Iterator[Spread]:
    """A `map` that works on as many chunks at once as PyTorch has threads, each chunk on one of them.

    So no thread waits for another after each small operation, and the results do not depend on the number
    of threads. No more chunks are read ahead than there are threads.
    """
    n_threads = torch.get_num_threads()

    def spread(work: Callable[[Tensor], Result], chunks: Iterable[Tensor]) -> Iterator[Result]:
        under_way: deque[Future[Result]] = deque()
        for chunk in chunks:
            under_way.append(pool.submit(work, chunk))
            if len(under_way) > n_threads:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()

    with (
        training.threads(1),
        ThreadPoolExecutor(n_threads, initializer=torch.set_grad_enabled, initargs=(False,)) as pool,
    ):
        yield spread
