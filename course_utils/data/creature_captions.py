"""Captions of creatures: a small grammar that says the same in many ways."""

from collections.abc import Callable, Sequence

import torch
from torch import Generator, Tensor

from course_utils.data.creature_attributes import CREATURE_ATTRIBUTES, check_attributes
from course_utils.data.vocabulary import Vocabulary
from course_utils.validation import check_number

__all__ = ["caption_creatures", "creature_vocabulary"]

NOUNS = ("creature", "monster", "alien")
SIZES = {"small": ("small", "little"), "large": ("large", "big")}
TIMES = {"day": ("by day", "in the sun"), "night": ("at night", "under the moon")}
PATTERNS = {"striped": "stripes", "spotted": "spots"}
HORNS = {"none": "no horns", "one": "one horn", "two": "two horns"}
EYES = {"one": "one eye", "two": "two eyes", "three": "three eyes"}
BETWEEN = "a an with and it has"  # words that say nothing by themselves
N_CHOICES = 7  # at most so many random choices make a caption

Pick = Callable[[Sequence[str]], str]  # one of the options, at random


def caption_creatures(
    attributes: Tensor, *, leave_out: float = 0.0, generator: Generator | None = None
) -> list[str]:
    """Write a caption for each row of attributes: "a small red round creature with two horns, at night".

    Sentence, words and their order vary. A caption names all seven attributes, so that they can be read off
    it, unless `leave_out` says otherwise.

    Args:
        attributes: (n, 7) integers, as `creatures` returns and takes them.
        leave_out: the probability, for each attribute of each caption, that it is not named.
        generator: source of randomness; PyTorch's global one if None.

    Raises:
        TypeError, ValueError: if an argument is of the wrong type or shape, or out of its range.
    """
    attributes = check_attributes(attributes)
    leave_out = check_number(leave_out, "leave_out", minimum=0)
    if leave_out > 1:
        raise ValueError(f"leave_out must be a probability, at most 1, got {leave_out:g}")
    device = torch.device("cpu") if generator is None else generator.device
    named = torch.rand(attributes.shape, generator=generator, device=device) >= leave_out
    choices = torch.rand(len(attributes), N_CHOICES, generator=generator, device=device)
    rows = zip(attributes.tolist(), named.tolist(), choices.tolist(), strict=True)
    return [_caption(_values(row, keep), _picker(numbers)) for row, keep, numbers in rows]


def creature_vocabulary() -> Vocabulary:
    """Return the words that captions of creatures are made of."""
    varied = [*SIZES.values(), *TIMES.values()]
    named = [CREATURE_ATTRIBUTES[name] for name in ("colour", "body", "pattern")]
    parts = [table.values() for table in (PATTERNS, HORNS, EYES)]
    return Vocabulary([BETWEEN, *NOUNS, *(word for words in (*varied, *named, *parts) for word in words)])


def _values(row: list[int], named: list[bool]) -> dict[str, str]:
    """{"colour": "red", ...}, of the attributes that are to be named."""
    columns = zip(CREATURE_ATTRIBUTES.items(), row, named, strict=True)
    return {name: values[index] for (name, values), index, keep in columns if keep}


def _picker(numbers: Sequence[float]) -> Pick:
    """A function that picks by the next of the numbers, from U[0, 1), at each call."""
    rest = iter(numbers)
    return lambda options: options[int(next(rest) * len(options))]


def _caption(values: dict[str, str], pick: Pick) -> str:
    pattern = values.get("pattern", "")
    pattern_is_a_part = pattern in PATTERNS and pick(("adjective", "part")) == "part"
    adjectives = [
        *([pick(SIZES[values["size"]])] if "size" in values else []),
        *([pattern] if pattern and not pattern_is_a_part else []),
        *_in_either_order([values[name] for name in ("colour", "body") if name in values], pick),
    ]
    parts = _in_either_order(
        [names[values[name]] for name, names in (("eyes", EYES), ("horns", HORNS)) if name in values], pick
    ) + ([PATTERNS[pattern]] if pattern_is_a_part else [])
    creature = _with_article([*adjectives, pick(NOUNS)])
    time = pick(TIMES[values["time"]]) if "time" in values else ""
    return _sentence(creature, _enumerate(parts), time, pick)


def _sentence(creature: str, parts: str, time: str, pick: Pick) -> str:
    """The creature, its parts and the time, of which the last two may be empty, in one of three orders."""
    order = pick(("time last", "time first", "parts last"))
    if order == "parts last" and parts:
        return f"{creature} {time}".rstrip() + f"; it has {parts}"
    whole = f"{creature} with {parts}" if parts else creature
    if not time:
        return whole
    return f"{time}, {whole}" if order == "time first" else f"{whole}, {time}"


def _in_either_order(words: list[str], pick: Pick) -> list[str]:
    return words[::-1] if pick(("as is", "reversed")) == "reversed" else words


def _with_article(words: list[str]) -> str:
    return " ".join(["an" if words[0][0] in "aeiou" else "a", *words])


def _enumerate(words: list[str]) -> str:
    """The words as "a, b and c"."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
