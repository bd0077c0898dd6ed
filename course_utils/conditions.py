"""Conditions as numbers: what a conditional model is told, turned into one row of numbers per example.

Each module here has `dim`, how many numbers, and takes conditions as integers: labels (batch,), several attributes
(batch, n_attributes), or the words of captions (batch, n_words) as `data.Vocabulary` numbers them.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from course_utils.validation import check_count

__all__ = ["BagOfWords", "Condition", "Embedding", "OneHot", "WordGRU", "as_columns"]


def as_columns(conditions: Tensor, n_values: Sequence[int]) -> Tensor:
    """Return conditions as int64 columns (batch, n_attributes), if each is one of the values of its attribute.

    Args:
        conditions: integers, (batch,) for one attribute, else (batch, n_attributes).
        n_values: of each attribute, how many values it can have: (10,) for the label of a digit.

    Raises:
        TypeError: if they are no integers.
        ValueError: for another number of attributes, or a value that is out of range.
    """
    columns = _integers(conditions)
    if columns.ndim == 1:
        columns = columns[:, None]
    if columns.ndim != 2 or columns.shape[1] != len(n_values):
        shape = "(batch,)" if len(n_values) == 1 else f"(batch, {len(n_values)})"
        raise ValueError(
            f"conditions must have one row per example, shape {shape}, got {tuple(conditions.shape)}"
        )
    for place, (column, n) in enumerate(zip(columns.T, n_values, strict=True)):
        if ((column < 0) | (column >= n)).any():
            raise ValueError(
                f"conditions[:, {place}] must be from 0 to {n - 1}, got {int(column.min())} to {int(column.max())}"
            )
    return columns


class Condition(nn.Module):
    """What all of them have: `dim` numbers per example, and words of text or values of attributes to read.

    Args:
        dim: numbers per example.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = check_count(dim, "dim")


class OneHot(Condition):
    """A 1 at the value of each attribute, 0 elsewhere; nothing to learn.

    Args:
        n_values: of each attribute, how many values it can have: (10,) for the label of a digit.
    """

    def __init__(self, n_values: Sequence[int]) -> None:
        n_values = tuple(check_count(n, "n_values") for n in n_values)
        super().__init__(sum(n_values))
        self.n_values = n_values

    def forward(self, conditions: Tensor) -> Tensor:
        """(batch, dim) for conditions (batch,) or (batch, n_attributes)."""
        columns = as_columns(conditions, self.n_values)
        parts = [one_hot(column, n) for column, n in zip(columns.T, self.n_values, strict=True)]
        return torch.cat(parts, 1).to(torch.get_default_dtype())


class Embedding(Condition):
    """One learned vector for each value of each attribute; those of an example are added up.

    Args:
        n_values: of each attribute, how many values it can have.
        dim: numbers per vector.
    """

    def __init__(self, n_values: Sequence[int], dim: int) -> None:
        super().__init__(dim)
        self.n_values = tuple(check_count(n, "n_values") for n in n_values)
        self.tables = nn.ModuleList(nn.Embedding(n, dim) for n in self.n_values)

    def forward(self, conditions: Tensor) -> Tensor:
        """(batch, dim) for conditions (batch,) or (batch, n_attributes)."""
        columns = as_columns(conditions, self.n_values)
        rows = [table(column) for table, column in zip(self.tables, columns.T, strict=True)]
        return torch.stack(rows).sum(0)


class BagOfWords(Condition):
    """One learned vector for each word; those of a caption are added up, so their order is lost.

    Args:
        n_words: of the vocabulary, the place 0 for padding included: `len(vocabulary)`.
        dim: numbers per vector.
    """

    def __init__(self, n_words: int, dim: int) -> None:
        super().__init__(dim)
        self.words = nn.EmbeddingBag(check_count(n_words, "n_words"), dim, mode="sum", padding_idx=0)

    def forward(self, conditions: Tensor) -> Tensor:
        """(batch, dim) for the words of captions (batch, n_words), 0 for padding."""
        return self.words(_words(conditions, self.words.num_embeddings))


class WordGRU(Condition):
    """A caption read word by word: a gated recurrent unit (GRU), whose state after the last word is the result.

    Args:
        n_words: of the vocabulary, the place 0 for padding included: `len(vocabulary)`.
        dim: numbers in the state.
        embedding_dim: numbers of each word's vector.

    Source: Cho et al. (2014), Learning phrase representations using RNN encoder-decoder.
    """

    def __init__(self, n_words: int, dim: int, *, embedding_dim: int = 32) -> None:
        super().__init__(dim)
        self.words = nn.Embedding(
            check_count(n_words, "n_words"), check_count(embedding_dim, "embedding_dim"), padding_idx=0
        )
        self.gru = nn.GRU(embedding_dim, dim, batch_first=True)

    def forward(self, conditions: Tensor) -> Tensor:
        """(batch, dim) for the words of captions (batch, n_words), 0 for padding."""
        words = _words(conditions, self.words.num_embeddings)
        if not len(words):
            return self.words.weight.new_zeros(0, self.dim)
        lengths = (words != 0).sum(1)  # (batch,)
        states, _ = self.gru(self.words(words[:, : int(lengths.max())]))  # (batch, longest, dim)
        return states[torch.arange(len(words), device=words.device), lengths - 1]


def _integers(conditions: Tensor) -> Tensor:
    if not isinstance(conditions, Tensor) or conditions.is_floating_point():
        raise TypeError("conditions must be a tensor of integers, such as labels; labels.long() makes one")
    return conditions.long()


def _words(conditions: Tensor, n_words: int) -> Tensor:
    """The numbers of words, (batch, n_words) int64, if each row has a word, and all padding at its end."""
    words = _integers(conditions)
    if words.ndim != 2 or words.shape[1] == 0:
        raise ValueError(
            f"conditions must hold one row of words per caption, (batch, n_words), got {tuple(conditions.shape)}; "
            "vocabulary.encode(captions) makes them"
        )
    low, high = (int(value) for value in words.aminmax()) if len(words) else (0, 0)
    if low < 0 or high >= n_words:
        raise ValueError(f"words must be numbered from 0 to {n_words - 1}, got {low} to {high}")
    is_word = words != 0
    if not is_word[:, 0].all() or (is_word[:, 1:] & ~is_word[:, :-1]).any():
        raise ValueError(
            "each row of words must have at least one word, and its zeros, the padding, at the end"
        )
    return words
