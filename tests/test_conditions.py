"""Conditions as numbers: against PyTorch's own layers, and that padding and order do what they say."""

import pytest
import torch
from torch import nn
from torch.nn.functional import one_hot

from course_utils.conditions import BagOfWords, Embedding, OneHot, WordGRU


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


LABELS = torch.tensor([2, 0, 1])
ATTRIBUTES = torch.tensor([[1, 2], [0, 0], [1, 3]])
WORDS = torch.tensor([[3, 1, 4, 0, 0], [2, 0, 0, 0, 0], [1, 2, 3, 4, 5]])


def test_one_hot_has_a_one_at_each_value():
    assert torch.equal(OneHot((3,))(LABELS), one_hot(LABELS, 3).float())
    condition = OneHot((2, 4))
    expected = torch.cat([one_hot(ATTRIBUTES[:, 0], 2), one_hot(ATTRIBUTES[:, 1], 4)], 1).float()
    assert torch.equal(condition(ATTRIBUTES), expected)
    assert condition.dim == 6


def test_one_hot_numbers_are_of_the_default_dtype_as_those_of_layers():
    torch.set_default_dtype(torch.float64)
    try:
        assert OneHot((3,))(LABELS).dtype == Embedding((3,), 4)(LABELS).dtype == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


def test_an_embedding_is_a_linear_map_of_the_one_hot_vector():
    condition = Embedding((2, 4), 5)
    table = torch.cat([table.weight for table in condition.tables])  # (6, 5)
    torch.testing.assert_close(condition(ATTRIBUTES), OneHot((2, 4))(ATTRIBUTES) @ table)


def test_a_bag_of_words_adds_up_its_words_in_any_order():
    condition = BagOfWords(6, 4)
    table = condition.words.weight
    expected = torch.stack([table[row[row > 0]].sum(0) for row in WORDS])
    torch.testing.assert_close(condition(WORDS), expected)
    torch.testing.assert_close(condition(WORDS[2:].flip(1)), expected[2:])


def test_the_gru_reads_word_by_word_as_a_cell_does():
    condition = WordGRU(6, 4, embedding_dim=3)
    cell = nn.GRUCell(3, 4)
    cell.load_state_dict({name: condition.gru.state_dict()[f"{name}_l0"] for name in cell.state_dict()})
    for row, result in zip(WORDS, condition(WORDS), strict=True):
        state = torch.zeros(1, 4)
        for word in row[row > 0]:
            state = cell(condition.words(word[None]), state)
        torch.testing.assert_close(result, state[0])
    assert not torch.allclose(condition(WORDS[2:].flip(1)), condition(WORDS[2:]))


@pytest.mark.parametrize("kind", [BagOfWords, WordGRU])
def test_more_padding_changes_nothing(kind):
    condition = kind(6, 4)
    padded = torch.cat([WORDS, torch.zeros(3, 4, dtype=torch.int64)], 1)
    torch.testing.assert_close(condition(padded), condition(WORDS))
    for row, result in zip(WORDS, condition(WORDS), strict=True):  # nor does none at all
        torch.testing.assert_close(condition(row[row > 0][None])[0], result)


@pytest.mark.parametrize("condition", [OneHot((6, 6)), Embedding((6, 6), 4), BagOfWords(6, 4), WordGRU(6, 4)])
def test_rows_do_not_mix(condition):
    rows = torch.randint(1, 6, (5, 2))
    together = condition(rows)
    assert together.shape == (5, condition.dim)
    for row, result in zip(rows, together, strict=True):
        torch.testing.assert_close(condition(row[None])[0], result)


@pytest.mark.parametrize("condition", [OneHot((6, 6)), Embedding((6, 6), 4), BagOfWords(6, 4), WordGRU(6, 4)])
def test_no_rows_give_no_rows(condition):
    assert condition(torch.zeros(0, 2, dtype=torch.int64)).shape == (0, condition.dim)


@pytest.mark.parametrize(
    ("condition", "given", "error", "words"),
    [
        (
            OneHot((3,)),
            torch.tensor([0.0]),
            TypeError,
            r"integers, such as labels; labels.long\(\) makes one",
        ),
        (
            OneHot((3,)),
            torch.tensor([0, 3]),
            ValueError,
            r"conditions\[:, 0\] must be from 0 to 2, got 0 to 3",
        ),
        (OneHot((3,)), [0, 1], TypeError, "conditions must be a tensor of integers"),
        (
            OneHot((3,)),
            torch.tensor([1, -1]),
            ValueError,
            r"conditions\[:, 0\] must be from 0 to 2, got -1 to 1",
        ),
        (OneHot((3,)), ATTRIBUTES, ValueError, r"shape \(batch,\), got \(3, 2\)"),
        (Embedding((2, 2), 4), ATTRIBUTES, ValueError, r"conditions\[:, 1\] must be from 0 to 1, got 0 to 3"),
        (BagOfWords(6, 4), LABELS, ValueError, r"one row of words per caption.*vocabulary.encode"),
        (
            WordGRU(6, 4),
            WORDS[:, :0],
            ValueError,
            r"one row of words per caption, \(batch, n_words\), got \(3, 0\)",
        ),
        (
            BagOfWords(6, 4),
            torch.tensor([[2, -1]]),
            ValueError,
            "words must be numbered from 0 to 5, got -1 to 2",
        ),
        (WordGRU(5, 4), WORDS, ValueError, "words must be numbered from 0 to 4, got 0 to 5"),
        (WordGRU(6, 4), torch.tensor([[0, 0]]), ValueError, "at least one word"),
        (BagOfWords(6, 4), torch.tensor([[1, 0, 2]]), ValueError, "zeros, the padding, at the end"),
    ],
)
def test_what_does_not_fit_is_named(condition, given, error, words):
    with pytest.raises(error, match=words):
        condition(given)
