"""Exercises of chapter 10: right answers written in other ways, and known mistakes as popular code writes them."""

import math

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree
from scipy.stats import entropy
from torch.nn import functional

from course_utils import vqvae
from course_utils.exercises import ch10


class HandedOn(torch.autograd.Function):
    """Straight through, as an operation with its own gradient."""

    @staticmethod
    def forward(context, z, e):
        return e.clone()

    @staticmethod
    def backward(context, gradient):
        return gradient, None


def terms_of_the_package(z, e, beta):
    z, e = z[:, :, None, None], e[:, :, None, None]
    return vqvae.codebook_loss(z, e) + beta * vqvae.commitment_loss(z, e)


def terms_by_mse(z, e, beta):
    terms = (
        functional.mse_loss(e, z.detach(), reduction="sum"),
        functional.mse_loss(z, e.detach(), reduction="sum"),
    )
    return (terms[0] + beta * terms[1]) / len(z)


def moved_one_by_one(z, codes, counts, sums, decay):
    counts, sums = decay * counts, decay * sums
    for row, code in zip(z, codes, strict=True):
        counts[code] += 1 - decay
        sums[code] += (1 - decay) * row
    return counts, sums, sums / counts[:, None]


def usage_by_scipy(codes, n_codes):
    return torch.tensor(np.exp(entropy(np.bincount(codes.numpy().ravel(), minlength=n_codes))))


@pytest.mark.parametrize(
    ("exercise", "function"),
    [
        (ch10.nearest, vqvae.nearest_codes),
        (ch10.nearest, lambda z, codebook: torch.as_tensor(cKDTree(codebook.numpy()).query(z.numpy())[1])),
        (ch10.straight, vqvae.straight_through),
        (ch10.straight, HandedOn.apply),
        (ch10.vq_terms, terms_of_the_package),
        (ch10.vq_terms, terms_by_mse),
        (ch10.moved_codes, moved_one_by_one),
        (ch10.code_usage, vqvae.perplexity),
        (ch10.code_usage, usage_by_scipy),
        (
            ch10.code_bits,
            lambda codes, log_prior, n: (
                [codes.shape[1] ** 2 * math.log2(n)] * len(codes),
                -np.log2(np.e) * log_prior.numpy(),
            ),
        ),
    ],
)
def test_right_in_other_words(exercise, function):
    result = exercise.check(function)
    assert result.status == "passed", result


def with_a_wrong_part(exercise, place):
    """The reference, but that one part of its answer is 1 too large."""
    return lambda *case: tuple(value + (i == place) for i, value in enumerate(exercise.reference(*case)))


def with_a_wrong_gradient(exercise, place):
    """The reference, but that one input, whose value stays, gets five times its gradient."""

    def answer(*case):
        inputs = list(case)
        inputs[place] = 5 * inputs[place] - 4 * inputs[place].detach()
        return exercise.reference(*inputs)

    return answer


@pytest.mark.parametrize(
    ("exercise", "function", "words"),
    [
        (ch10.nearest, lambda z, codebook: functional.linear(z, codebook).max(1).indices, "largest product"),
        (ch10.nearest, lambda z, codebook: torch.cdist(z, codebook).min(0).indices, "nearest z of each code"),
        (ch10.straight, lambda z, e: z + (e - z), "encoder would learn nothing"),
        (ch10.straight, lambda z, e: e.detach() + (z - z).detach() + 0 * z, "no gradient reaches z"),
        (ch10.vq_terms, lambda z, e, beta: (1 + beta) * torch.dist(z, e) ** 2 / len(z), "nothing is stopped"),
        (
            ch10.vq_terms,
            lambda z, e, beta: functional.mse_loss(z.detach(), e) + beta * functional.mse_loss(z, e.detach()),
            "factor of dim",
        ),
        (ch10.code_usage, lambda codes, n_codes: torch.tensor(float(codes.unique().numel())), "occur at all"),
        (
            ch10.code_bits,
            lambda codes, log_prior, n: (n * codes[0].numel() + 0 * log_prior, -log_prior / math.log(2)),
            "not n_codes",
        ),
    ],
)
def test_mistakes_as_code_writes_them(exercise, function, words):
    result = exercise.check(function)
    assert result.status == "failed"
    assert words in result.message


@pytest.mark.parametrize(
    ("exercise", "wrong", "place", "name"),
    [
        (ch10.straight, with_a_wrong_gradient, 0, "gradient_of_z"),
        (ch10.vq_terms, with_a_wrong_gradient, 1, "gradient_of_e"),
        (ch10.moved_codes, with_a_wrong_part, 1, "sums"),
        (ch10.code_bits, with_a_wrong_part, 1, "with_prior"),
    ],
)
def test_a_wrong_part_is_called_by_its_name(exercise, wrong, place, name):
    assert f"`{name}`" in exercise.check(wrong(exercise, place)).message
