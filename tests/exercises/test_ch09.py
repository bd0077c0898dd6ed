"""Exercises of chapter 9: right answers written in other ways, and known mistakes as popular code writes them."""

import math

import numpy as np
import pytest
import torch
from torch.distributions import Bernoulli
from torch.nn import functional

from course_utils import autoregressive
from course_utils.exercises import ch09


def mask_by_counting(kernel_size, mask_type):
    """In raster order: places before the middle one, or up to it."""
    order = np.arange(kernel_size**2).reshape(kernel_size, kernel_size)
    middle = kernel_size**2 // 2
    return (order < middle if mask_type == "A" else order <= middle).astype(float)


def rows_by_the_jacobian(first_kernel, kernel_size, dilations):
    model = autoregressive.PixelCNN(
        (40, 1),
        width=12,
        n_blocks=len(dilations),
        first_kernel=(first_kernel, 3),
        kernel_size=(kernel_size, 3),
        dilations=dilations or (1,),
    )
    return int(autoregressive.receptive_field(model, 39, 0)[:39].sum())


def masks_of_the_package(n_pixels, numbers):
    pixel = np.arange(n_pixels)
    return np.less_equal.outer(pixel, numbers.numpy()).T * 1.0, np.greater.outer(pixel, numbers.numpy()) * 1.0


def level_by_search(logits, uniform):
    return torch.searchsorted(logits.softmax(1).cumsum(1)[:, :-1].contiguous(), uniform[:, None], right=True)[
        :, 0
    ]


@pytest.mark.parametrize(
    ("exercise", "function"),
    [
        (ch09.chain_log_prob, lambda x, logits: Bernoulli(logits=logits).log_prob(x).sum((1, 2))),
        (
            ch09.chain_log_prob,
            lambda x, logits: (
                -functional.binary_cross_entropy_with_logits(logits, x, reduction="none").sum((1, 2))
            ),
        ),
        (ch09.bits_per_dim, lambda log_prob, n_dims: -np.log2(np.exp(1)) * log_prob.numpy() / n_dims),
        (ch09.pixel_mask, mask_by_counting),
        (ch09.pixel_mask, lambda k, kind: autoregressive.causal_mask(k, kind)[0, 0]),
        (ch09.rows_seen, rows_by_the_jacobian),
        (ch09.made_masks, masks_of_the_package),
        (ch09.skewed, autoregressive.skew),
        (ch09.draw_level, level_by_search),
    ],
)
def test_right_in_other_words(exercise, function):
    result = exercise.check(function)
    assert result.status == "passed", result


@pytest.mark.parametrize(
    ("exercise", "function", "words"),
    [
        (
            ch09.chain_log_prob,
            lambda x, logits: (
                -functional.binary_cross_entropy_with_logits(logits, x, reduction="none").mean((1, 2))
            ),
            "mean over pixels",
        ),
        (
            ch09.chain_log_prob,
            lambda x, logits: functional.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(
                (1, 2)
            ),
            "the loss",
        ),
        (ch09.bits_per_dim, lambda log_prob, n_dims: -log_prob / n_dims, "One bit is log 2 nats"),
        (ch09.bits_per_dim, lambda log_prob, n_dims: log_prob / n_dims / math.log(2), "bits are a length"),
        (ch09.pixel_mask, lambda k, kind: autoregressive.causal_mask(k, "B")[0, 0], "type B for both"),
        (ch09.pixel_mask, lambda k, kind: autoregressive.causal_mask(k, "A")[0, 0], "first layer only"),
        (ch09.rows_seen, lambda first, k, d: first // 2 + k // 2 * len(d), "dilations are missing"),
        (ch09.draw_level, lambda logits, uniform: logits.softmax(1).max(1).indices, "most probable level"),
        (ch09.skewed, lambda x: torch.stack([row.roll(i) for i, row in enumerate(x)]), "comes in again"),
    ],
)
def test_mistakes_as_code_writes_them(exercise, function, words):
    result = exercise.check(function)
    assert result.status == "failed"
    assert words in result.message
