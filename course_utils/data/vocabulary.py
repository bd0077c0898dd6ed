"""Words as numbers: the vocabulary of a set of captions."""

import re
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from course_utils.validation import check_count

__all__ = ["Vocabulary"]

WORD = re.compile(r"[a-z]+")


class Vocabulary:
    """The words of a set of captions, in alphabetical order, numbered from 1; 0 is padding.

    A word is a run of letters; upper and lower case are the same, and everything else only separates words.

    Args:
        captions: all captions whose words shall be known.

    Attributes:
        words: the words, that with number k in place k - 1.

    Raises:
        TypeError: if the captions are one string, or not strings.
        ValueError: if there is no word in them.

    >>> vocabulary = Vocabulary(["a red creature", "a creature, at night"])
    >>> vocabulary.words
    ('a', 'at', 'creature', 'night', 'red')
    >>> vocabulary.encode(["a red creature at night", "Red."])
    tensor([[1, 5, 3, 2, 4],
            [5, 0, 0, 0, 0]])
    >>> vocabulary.decode(vocabulary.encode(["Red."]))
    ['red']
    """

    def __init__(self, captions: Iterable[str]) -> None:
        self.words = tuple(sorted({word for caption in _strings(captions) for word in _words_of(caption)}))
        if not self.words:
            raise ValueError("captions must hold at least one word, got none")
        self._numbers = {word: number for number, word in enumerate(self.words, start=1)}

    def __len__(self) -> int:
        """How many numbers there are: one for each word, and 0."""
        return len(self.words) + 1

    def __repr__(self) -> str:
        return f"Vocabulary of {len(self.words)} words: {', '.join(self.words)}"

    def unknown(self, caption: str) -> list[str]:
        """The words of a caption that are not in the vocabulary, in order."""
        return [word for word in _words_of(caption) if word not in self._numbers]

    def encode(self, captions: Sequence[str], *, length: int | None = None) -> Tensor:
        """Return the numbers of the words of each caption, (n, length) int64, with 0 after the last word.

        Args:
            captions: n of them.
            length: of the rows; that of the longest caption if None.

        Raises:
            TypeError: if the captions are one string, or not strings.
            ValueError: if there is none, one holds no word, a word that is not in the vocabulary, or more words
                than `length`.
        """
        rows = [self._encode(caption) for caption in _strings(captions)]
        if not rows:
            raise ValueError("captions must hold at least one caption, got none")
        longest = max(map(len, rows))
        length = longest if length is None else check_count(length, "length")
        if longest > length:
            raise ValueError(
                f"length must be at least {longest}, the words of the longest caption, got {length}"
            )
        return torch.tensor([row + [0] * (length - len(row)) for row in rows])

    def decode(self, numbers: Tensor) -> list[str]:
        """Return each row of numbers (n, length) as words with blanks between them; 0 is left out."""
        return [" ".join(self.words[k - 1] for k in row if k) for row in numbers.tolist()]

    def _encode(self, caption: str) -> list[int]:
        if unknown := self.unknown(caption):
            plural = "s" if len(unknown) > 1 else ""
            raise ValueError(
                f"unknown word{plural} {', '.join(map(repr, unknown))} in {caption!r}; "
                f"the words known are {', '.join(self.words)}"
            )
        if not (words := _words_of(caption)):
            raise ValueError(f"a caption must have at least one word, got {caption!r}")
        return [self._numbers[word] for word in words]


def _words_of(caption: str) -> list[str]:
    return WORD.findall(caption.lower())


def _strings(captions: Iterable[str]) -> list[str]:
    if isinstance(captions, str):
        raise TypeError(f"captions must be a list of strings, got one string; write [{captions!r}]")
    strings = list(captions)
    if wrong := [caption for caption in strings if not isinstance(caption, str)]:
        raise TypeError(f"captions must be strings, got {wrong[0]!r} ({type(wrong[0]).__name__})")
    return strings
