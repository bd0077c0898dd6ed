import re

import pytest
import torch

from course_utils.data import Vocabulary, creature_vocabulary, creatures


def test_words_are_numbered_in_alphabetical_order_and_come_back():
    vocabulary = Vocabulary(["a red Creature, at night", "a creature with one horn; it has stripes"])
    assert list(vocabulary.words) == [
        *("a", "at", "creature", "has", "horn", "it", "night", "one", "red", "stripes", "with")
    ]
    assert len(vocabulary) == 12
    captions = ["A creature with stripes!", "red", "it has one, one horn"]
    numbers = vocabulary.encode(captions)
    assert numbers.shape == (3, 5)
    assert numbers.dtype == torch.int64
    assert vocabulary.decode(numbers) == [" ".join(re.findall("[a-z]+", c.lower())) for c in captions]
    assert (numbers[1, 1:] == 0).all()
    assert numbers[1, 0] == 1 + vocabulary.words.index("red")
    longer = vocabulary.encode(captions, length=9)
    assert torch.equal(longer, torch.nn.functional.pad(numbers, (0, 4)))
    assert repr(vocabulary).startswith("Vocabulary of 11 words: a, at, creature, has,")


def test_the_words_of_creatures_are_all_their_words_and_no_others():
    vocabulary = creature_vocabulary()
    generator = torch.Generator().manual_seed(0)
    captions = [
        caption
        for leave_out in (0.0, 0.3, 0.9)
        for caption in creatures(2_000, leave_out=leave_out, generator=generator).captions
    ]
    assert Vocabulary(captions).words == vocabulary.words


def test_an_unknown_word_is_named_with_those_known():
    vocabulary = Vocabulary(["a red creature"])
    with pytest.raises(
        ValueError, match=r"unknown words 'purple', 'cat' in 'a purple cat'; .* a, creature, red"
    ):
        vocabulary.encode(["a red creature", "a purple cat"])
    assert vocabulary.unknown("a purple cat") == ["purple", "cat"]


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ("a red creature", TypeError, r"a list of strings, got one string; write \['a red creature'\]"),
        ([3], TypeError, "must be strings, got 3"),
        (["..."], ValueError, "at least one word, got '...'"),
        ([], ValueError, "at least one caption, got none"),
    ],
)
def test_captions_that_cannot_be_read_are_named(given, error, words):
    with pytest.raises(error, match=words):
        Vocabulary(["a red creature"]).encode(given)


def test_a_length_that_is_too_small_is_refused():
    with pytest.raises(
        ValueError, match="length must be at least 3, the words of the longest caption, got 2"
    ):
        Vocabulary(["a red creature"]).encode(["a red creature"], length=2)
    with pytest.raises(ValueError, match="at least one word, got none"):
        Vocabulary(["..."])
