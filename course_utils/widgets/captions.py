"""Captions to type and to choose: examples, kinds of words with their options, and the sentence that they make."""

import string
from collections.abc import Mapping, Sequence
from typing import Any

from course_utils.data import CREATURE_ATTRIBUTES, Vocabulary
from course_utils.data.creature_captions import EYES, HORNS, PATTERNS, SIZES, TIMES

__all__ = ["SENTENCE", "Choices", "check_captions", "check_choices", "check_sentence"]

Choices = Mapping[str, Sequence[str | Sequence[str]]]

SYNONYMS: dict[str, dict[str, Any]] = {"size": SIZES, "eyes": EYES, "horns": HORNS, "time": TIMES}
OF_CREATURES: Choices = {
    name: [
        SYNONYMS[name][value] if name in SYNONYMS else (value, *filter(None, [PATTERNS.get(value)]))
        for value in values
    ]
    for name, values in CREATURE_ATTRIBUTES.items()
}
SENTENCE = "a {size} {pattern} {colour} {body} creature [with {eyes} and {horns}] [, {time}]"
EXAMPLES = (
    "a large red round creature with two eyes and one horn, by day",
    "a small striped blue square monster with three eyes and no horns, at night",
    "under the moon, a big triangular yellow alien with two horns, one eye and spots",
    "a little green creature in the sun; it has three eyes",
)


def check_captions(captions: Any, vocabulary: Vocabulary) -> list[str]:
    """Examples, all of known words; those of creatures if there are none and the vocabulary knows their words."""
    if captions is None:
        captions = EXAMPLES
        if any(map(vocabulary.unknown, EXAMPLES)):
            raise ValueError(
                "captions must be given for another vocabulary than that of creatures: at least one example"
            )
    try:
        vocabulary.encode(captions)
    except ValueError as problem:
        raise ValueError(f"captions do not fit the vocabulary: {problem}") from None
    return list(captions)


def check_choices(choices: Any, vocabulary: Vocabulary) -> dict[str, list[list[str]]]:
    """For each kind its options, each a list of synonyms of known words."""
    given: Any = OF_CREATURES if choices is None else choices
    if not isinstance(given, Mapping):
        raise TypeError(f'choices must be a mapping such as {{"colour": ("red", "blue")}}, got {given!r}')
    kinds: dict[str, list[list[str]]] = {}
    for kind, options in given.items():
        if isinstance(options, str) or not options:
            raise TypeError(f"choices[{kind!r}] must be a sequence of options, got {options!r}")
        kinds[kind] = [
            [option] if not isinstance(option, tuple | list) else list(option) for option in options
        ]
        for phrase in (phrase for synonyms in kinds[kind] for phrase in synonyms):
            if not isinstance(phrase, str) or not phrase.strip():
                raise TypeError(f"choices[{kind!r}] must hold options of one or more words, got {phrase!r}")
            if unknown := vocabulary.unknown(phrase):
                if choices is None:  # another vocabulary than that of creatures
                    return {}
                raise ValueError(
                    f"choices[{kind!r}] has {phrase!r}, but the vocabulary does not know {', '.join(unknown)}; "
                    f"the words known are {', '.join(vocabulary.words)}"
                )
    return kinds


def check_sentence(sentence: str, kinds: Mapping[str, Any], vocabulary: Vocabulary) -> None:
    """Raise unless a sentence has each kind of choice once, and otherwise known words."""
    try:
        parts = list(string.Formatter().parse(sentence))
    except ValueError as problem:
        raise ValueError(
            f"sentence must have places such as {{colour}}, got {sentence!r}: {problem}"
        ) from None
    places = [name for _, name, _, _ in parts if name is not None]
    if kinds and sorted(places) != sorted(kinds):
        raise ValueError(
            f"sentence must have each place once, {', '.join(f'{{{kind}}}' for kind in kinds)}, got {sentence!r}"
        )
    if kinds and (unknown := vocabulary.unknown(" ".join(text for text, *_ in parts))):
        raise ValueError(f"sentence must be of known words, got {', '.join(unknown)} in {sentence!r}")
