"""Expressions: a parser that knows nothing of the drawing, Python's own, and probabilities that add up."""

import itertools
import warnings

import pytest
import torch

from course_utils.data import (
    EXPRESSION_TOKENS,
    drawn_expressions,
    expression_texts,
    expression_tokens,
    is_expression,
    valid_expressions,
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def python_takes(text):
    """Whether Python can compute it. It also takes signs such as -1, numbers such as 12, and calls such as 1(2)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        try:
            compile(text, "text", "eval")
        except SyntaxError:
            return False
    return True


@pytest.mark.parametrize("length", [14, 15])  # an operand is due with an odd or an even number of places left
def test_what_is_drawn_is_valid_and_can_be_computed(length):
    texts = expression_texts(drawn_expressions(2_000, length=length, generator=seeded()).tokens)
    assert all(is_expression(text) and python_takes(text) for text in texts)
    assert len(set(texts)) > 500
    assert {character for text in texts for character in text} == set(EXPRESSION_TOKENS) - {" "}


@pytest.mark.parametrize("length", [1, 3, 5])
def test_the_parser_agrees_with_python_on_all_short_texts(length):
    """Signs, longer numbers, calls and powers, which only Python knows, are taken out before."""
    for characters in itertools.product("1+*()", repeat=length):
        text = "".join(characters)
        foreign = any(pair in text for pair in ("++", "(+", "*+", "11", "1(", ")1", ")(", "()", "**", "+**"))
        expected = python_takes(text) and not foreign and not text.startswith("+")
        assert is_expression(text) == expected, text


@pytest.mark.parametrize(
    "text", ["", "+1", "1+", "(1", "1)", "()", "1 +2", "12", "1(2)", "((1)", "1+(2*)", "1--2"]
)
def test_texts_that_are_none(text):
    assert not is_expression(text)
    assert not valid_expressions(expression_tokens([text])).item()


def test_probabilities_of_all_short_expressions_add_up_to_one():
    """Each expression has one way to be drawn; with 5 places, all of them are soon seen."""
    drawn = drawn_expressions(200_000, length=5, generator=seeded())
    tokens, where = torch.unique(drawn.tokens, dim=0, return_inverse=True)
    log_prob = torch.zeros(len(tokens)).index_copy(0, where, drawn.log_prob)
    assert torch.equal(log_prob[where], drawn.log_prob), "the same expression has the same probability"
    every = [
        text
        for n in (1, 3, 5)
        for text in map("".join, itertools.product(EXPRESSION_TOKENS[:-1], repeat=n))
        if is_expression(text)
    ]
    assert len(tokens) == len(every)
    assert float(log_prob.double().exp().sum()) == pytest.approx(1, abs=1e-5)
    expected = len(drawn.tokens) * log_prob.double().exp()
    statistic = ((torch.bincount(where) - expected).square() / expected).sum()
    freedom = len(tokens) - 1  # mean and half the variance of χ²; rare cells widen it a little
    assert abs(statistic - freedom) < 6 * (2 * freedom) ** 0.5


def test_the_two_probabilities():
    plain = drawn_expressions(4_000, p_open=0, p_operator=0.5, generator=seeded())
    assert not any("(" in text for text in expression_texts(plain.tokens))
    digits = drawn_expressions(4_000, p_open=0, p_operator=0, generator=seeded())
    assert {len(text) for text in expression_texts(digits.tokens)} == {1}
    share = sum(len(text) == 1 for text in expression_texts(plain.tokens)) / 4_000
    assert abs(share - 0.5) < 4.5 * (0.25 / 4_000) ** 0.5


def test_there_and_back():
    tokens = drawn_expressions(50, length=9, generator=seeded()).tokens
    assert torch.equal(expression_tokens(expression_texts(tokens), length=9), tokens)
    assert torch.equal(tokens, drawn_expressions(50, length=9, generator=seeded()).tokens)


def test_a_token_after_the_end_is_not_valid():
    tokens = expression_tokens(["1+2"])
    assert valid_expressions(tokens).item()
    tokens[0, 10] = 0
    assert not valid_expressions(tokens).item()


def test_errors():
    with pytest.raises(ValueError, match="n must be at least 1"):
        drawn_expressions(0)
    with pytest.raises(ValueError, match=r"p_open must be at most 1, got 1\.5"):
        drawn_expressions(2, p_open=1.5)
    with pytest.raises(ValueError, match="got '7' in '1\\+7'"):
        expression_tokens(["1+7"])
    with pytest.raises(ValueError, match="at most 3 characters"):
        expression_tokens(["1+2+3"], length=3)
