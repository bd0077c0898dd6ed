"""Drawing pixel by pixel: the same logits with and without a memory, and the right distribution."""

import math
import time

import pytest
import torch
from scipy.stats import chi2

from course_utils import autoregressive as ar
from course_utils.autoregressive.sampling import logits_in_order
from tests.autoregressive.examples import MODELS, TINY, all_images, images, made, told


@pytest.mark.parametrize("name", MODELS)
def test_logits_with_a_memory_are_those_of_the_whole_image(name):
    model = made(MODELS[name])
    x, conditions = images(model, 3), told(model, 3)
    truth = x.view(3, *model.shape)
    whole = model(x, *conditions).reshape(*truth.shape, *(() if model.n_levels == 2 else (model.n_levels,)))
    growing = torch.full_like(truth, model.n_levels - 1)  # what is not yet known must not matter
    n_seen = 0
    for (channel, row, column), logits in logits_in_order(model, growing, conditions, cached=True):
        torch.testing.assert_close(logits, whole[:, channel, row, column], rtol=1e-11, atol=1e-11)
        growing[:, channel, row, column] = truth[:, channel, row, column]
        n_seen += 1
    assert n_seen == math.prod(model.image_shape)


@pytest.mark.parametrize("name", MODELS)
def test_both_ways_draw_the_same_images(name):
    model = made(MODELS[name])
    draws = [
        ar.sample(model, 3, *told(model, 3), cached=cached, generator=torch.Generator().manual_seed(5))
        for cached in (True, False)
    ]
    torch.testing.assert_close(*draws, rtol=0, atol=0)
    assert draws[0].shape == (3, *model.image_shape)
    assert draws[0].dtype == (torch.float64 if model.n_levels == 2 else torch.int64)
    assert model.log_prob(draws[0], *told(model, 3)).isfinite().all()


def chi_square(counts, expected):
    """Σ (counts - expected)² / expected, cells below 5 together; and the number of free cells."""
    rare = expected < 5
    if rare.any():
        counts = torch.cat([counts[~rare], counts[rare].sum()[None]])
        expected = torch.cat([expected[~rare], expected[rare].sum()[None]])
    return ((counts - expected) ** 2 / expected).sum().item(), len(expected) - 1


@pytest.mark.parametrize("name", TINY)
def test_samples_have_the_distribution_of_the_model(name):
    model = made(TINY[name])
    n_samples = 20_000
    conditions = () if model.condition is None else (torch.full((n_samples,), 2),)
    x = ar.sample(model, n_samples, *conditions, generator=torch.Generator().manual_seed(0))
    every = all_images(model)
    places = model.n_levels ** torch.arange(every[0].numel() - 1, -1, -1)
    counts = torch.bincount((x.flatten(1).long() * places).sum(1), minlength=len(every)).double()
    p = model.log_prob(every, *(condition[: len(every)] for condition in conditions)).exp()
    statistic, n_free = chi_square(counts, n_samples * p)
    assert statistic < chi2.ppf(1 - 1e-5, n_free), "a right sampler fails this once in 100,000 times"
    assert n_free >= 5


def test_completion_draws_the_rest_given_what_is_known():
    model = made(TINY["pixelcnn"])
    known = torch.tensor([[True, True, True], [True, False, False]])
    n_samples = 20_000
    x = torch.tensor([[1.0, 0, 1], [1, 0, 0]], dtype=torch.float64).expand(n_samples, 2, 3)
    drawn = ar.complete(model, x, known, generator=torch.Generator().manual_seed(0))
    assert (drawn[:, known] == x[:, known]).all()
    counts = torch.bincount((2 * drawn[:, 1, 1] + drawn[:, 1, 2]).long(), minlength=4).double()
    each = x[:4].clone()
    each[:, 1, 1:] = torch.cartesian_prod(*[torch.arange(2.0, dtype=torch.float64)] * 2)
    p = model.log_prob(each).softmax(0)  # p(rest | known), by Bayes' rule over the four ways to go on
    statistic, n_free = chi_square(counts, n_samples * p)
    assert statistic < chi2.ppf(1 - 1e-5, n_free)
    assert (x[0] == torch.tensor([[1.0, 0, 1], [1, 0, 0]])).all(), "the argument is left alone"


def test_completion_of_each_image_by_its_own_mask():
    model = made(MODELS["gated rgb"])
    x = images(model, 4)
    known = torch.rand(x.shape, generator=torch.Generator().manual_seed(1)) < 0.5
    drawn = ar.complete(model, x, known, generator=torch.Generator().manual_seed(2))
    assert (drawn[known] == x[known]).all()
    assert (drawn[~known] != x[~known]).any()
    whole = ar.complete(model, x, torch.ones(model.image_shape, dtype=torch.bool))
    torch.testing.assert_close(whole, x)


def test_a_memory_is_fast():
    torch.set_num_threads(1)
    model = ar.PixelCNN((28, 28)).eval()
    x = torch.zeros(20, 28, 28)
    start = time.process_time()
    ar.sample(model, 20)
    cached = time.process_time() - start
    with torch.no_grad():
        model(x)
        start = time.process_time()
        for _ in range(8):
            model(x)
    naive = (time.process_time() - start) / 8 * 784
    assert naive > 40 * cached


def test_draws_are_as_probable_as_the_logits_say():
    generator = torch.Generator().manual_seed(0)
    logits = torch.tensor([0.0, 1.0, -1.0]).log_softmax(0)
    levels = ar.draw(logits.expand(60_000, 3), n_levels=3, generator=generator)
    counts = torch.bincount(levels, minlength=3).double()
    statistic, n_free = chi_square(counts, 60_000 * logits.double().exp())
    assert statistic < chi2.ppf(1 - 1e-5, n_free)
    sure = ar.draw(torch.tensor([-200.0, 200.0]), generator=generator)
    assert sure.tolist() == [0, 1]


def test_bad_requests():
    model = made(MODELS["pixelcnn"])
    x = images(model, 2)
    with pytest.raises(ValueError, match="n_samples must be at least 1"):
        ar.sample(model, 0)
    with pytest.raises(ValueError, match="conditions must be one per image"):
        ar.sample(made(MODELS["gated told"]), 2, torch.zeros(3).long())
    with pytest.raises(TypeError, match="known must be a bool tensor"):
        ar.complete(model, x, torch.ones(4, 5))
    with pytest.raises(ValueError, match="known must have the shape of x or of one image"):
        ar.complete(model, x, torch.ones(5, 4).bool())
    with pytest.raises(ValueError, match=r"x must have shape \('n', 4, 5\)"):
        ar.complete(model, x[0], torch.ones(4, 5).bool())
