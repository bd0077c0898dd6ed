"""Arithmetic expressions such as 2*(3+1), drawn from a small grammar, and a parser that says whether a text is one."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from course_utils.validation import check_count, check_number

__all__ = [
    "EXPRESSION_TOKENS",
    "Expressions",
    "drawn_expressions",
    "expression_texts",
    "expression_tokens",
    "is_expression",
    "valid_expressions",
]

DIGITS, OPERATORS = "1234", "+-*"
EXPRESSION_TOKENS = (*DIGITS, *OPERATORS, "(", ")", " ")  # the last one means: no more
OPEN, CLOSE, END = (EXPRESSION_TOKENS.index(token) for token in "() ")


class Expressions(NamedTuple):
    """Tokens (n, length) int64, places in EXPRESSION_TOKENS, and log p (n,) of each in nats, under the true grammar."""

    tokens: Tensor
    log_prob: Tensor


def drawn_expressions(
    n: int,
    *,
    length: int = 15,
    p_open: float = 0.35,
    p_operator: float = 0.5,
    generator: Generator | None = None,
) -> Expressions:
    """Draw expressions token by token, all n at once; shorter ones are filled up with the end token.

    Where an operand is due, a bracket opens with probability `p_open`, otherwise a digit comes. After an operand an
    operator comes with probability `p_operator`, otherwise the innermost bracket closes, or the expression ends. Where
    too little room would be left to close all brackets, the shorter way is taken.

    Args:
        n: number of expressions.
        length: tokens in each, the end tokens included.
        p_open: of an opening bracket, in [0, 1].
        p_operator: of an operator, in [0, 1].
        generator: PyTorch's global one if None.

    Returns:
        The tokens, and their exact log-probabilities.

    Raises:
        TypeError, ValueError: for a number of the wrong kind or out of range.
    """
    n, length = check_count(n, "n"), check_count(length, "length")
    for name, p in (("p_open", p_open), ("p_operator", p_operator)):
        if check_number(p, name, minimum=0) > 1:
            raise ValueError(f"{name} must be at most 1, got {p:g}")
    device = torch.device("cpu") if generator is None else generator.device
    tokens = torch.full((n, length), END, device=device)
    log_prob = torch.zeros(n, device=device)
    operand, depth = torch.ones(n, dtype=torch.bool, device=device), torch.zeros_like(tokens[:, 0])
    rows = torch.arange(n, device=device)
    for place in range(length):
        room = length - place - 1 - depth  # tokens left after this one, without those that close brackets
        probs = torch.where(operand[:, None], _operand(room, p_open), _after(room, depth, p_operator))
        ended = (tokens[:, place - 1] == END) if place else torch.zeros_like(operand)
        probs[ended] = _only(END, device)
        uniform = torch.rand(n, 1, generator=generator, device=device)
        token = (uniform >= probs.cumsum(1)[:, :-1]).sum(1)  # (n,)
        tokens[:, place], log_prob = token, log_prob + probs[rows, token].log()
        depth = depth + (token == OPEN).long() - (token == CLOSE).long()
        operand = (token >= len(DIGITS)) & (token <= OPEN)  # after an operator or an opening bracket
    return Expressions(tokens, log_prob)


def _operand(room: Tensor, p_open: float) -> Tensor:
    """Probabilities (n, n_tokens) where an operand is due. A bracket needs two more places: operand and closing one."""
    probs = torch.zeros(len(room), len(EXPRESSION_TOKENS), device=room.device)
    probs[:, OPEN] = torch.where(room >= 2, p_open, 0.0)
    probs[:, : len(DIGITS)] = (1 - probs[:, [OPEN]]) / len(DIGITS)
    return probs


def _after(room: Tensor, depth: Tensor, p_operator: float) -> Tensor:
    """Probabilities (n, n_tokens) after an operand. An operator needs one more place, for its right side."""
    probs = torch.zeros(len(room), len(EXPRESSION_TOKENS), device=room.device)
    p = torch.where(room >= 1, p_operator, 0.0)
    probs[:, len(DIGITS) : len(DIGITS) + len(OPERATORS)] = p[:, None] / len(OPERATORS)
    probs[:, CLOSE] = torch.where(depth > 0, 1 - p, 0.0)
    probs[:, END] = torch.where(depth > 0, 0.0, 1 - p)
    return probs


def _only(token: int, device: torch.device) -> Tensor:
    """Probability 1 for one token."""
    probs = torch.zeros(len(EXPRESSION_TOKENS), device=device)
    probs[token] = 1
    return probs


def expression_texts(tokens: Tensor) -> list[str]:
    """Each row of tokens (n, length) as text, without the end tokens behind it."""
    return ["".join(EXPRESSION_TOKENS[token] for token in row).rstrip() for row in tokens.tolist()]


def expression_tokens(texts: Sequence[str], *, length: int = 15) -> Tensor:
    """Texts as tokens (n, length) int64.

    Raises:
        ValueError: if a text is longer than that, or has a character that is no token.
    """
    for text in texts:
        if len(text) > length:
            raise ValueError(
                f"texts must have at most {length} characters, got {text!r}, which has {len(text)}"
            )
        if unknown := set(text) - set(EXPRESSION_TOKENS):
            known = "".join(EXPRESSION_TOKENS)
            raise ValueError(f"texts must be made of {known!r}, got {unknown.pop()!r} in {text!r}")
    rows = [[EXPRESSION_TOKENS.index(character) for character in text.ljust(length)] for text in texts]
    return torch.tensor(rows, dtype=torch.int64).view(len(texts), length)


def is_expression(text: str) -> bool:
    """Whether a text follows the grammar: expression = operand {operator operand}, operand = digit or (expression).

    A parser by recursive descent, which knows nothing of how expressions are drawn.
    """
    return _expression(text, 0) == len(text)


def valid_expressions(tokens: Tensor) -> Tensor:
    """Whether each row of tokens (n, length) is an expression with nothing but end tokens behind it: (n,) bool."""
    return torch.tensor([is_expression(text) for text in expression_texts(tokens)], dtype=torch.bool)


def _expression(text: str, start: int) -> int | None:
    """Where the longest expression that begins at `start` ends; None if there is none."""
    end = _parsed_operand(text, start)
    while end is not None and text[end : end + 1] in set(OPERATORS):
        after = _parsed_operand(text, end + 1)
        if after is None:
            return end
        end = after
    return end


def _parsed_operand(text: str, start: int) -> int | None:
    """Where the operand that begins at `start` ends; None if there is none."""
    if text[start : start + 1] in set(DIGITS):
        return start + 1
    if text[start : start + 1] != "(":
        return None
    end = _expression(text, start + 1)
    return end + 1 if end is not None and text[end : end + 1] == ")" else None
