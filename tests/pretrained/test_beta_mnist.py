"""The family of VAEs against what any set of optima obeys."""

from itertools import pairwise

import torch
from torch import nn

from course_utils import pretrained
from course_utils.data import binarize, load_mnist
from course_utils.pretrained.beta_mnist import BETAS
from course_utils.widgets.readable import read_network


def figures():
    card = pretrained.card("beta_mnist")["figures"]
    return [
        (beta, card[f"rate at β = {beta:g}, nats"], card[f"distortion at β = {beta:g}, nats"])
        for beta in BETAS
    ]


def test_a_nat_of_rate_costs_between_beta_and_the_next():
    """D + βR is least for the member of that β, so each slope lies between the two β; for optima it is exact."""
    for (low, more, near), (high, less, far) in pairwise(figures()):
        assert less < more
        assert low <= (far - near) / (more - less) <= high


def test_the_bound_is_best_at_one():
    bounds = {beta: -(rate + distortion) for beta, rate, distortion in figures()}
    assert max(bounds, key=bounds.__getitem__) == 1


def test_the_noise_grows_with_beta_and_the_browser_can_decode():
    x = binarize(load_mnist("test").images[:500], generator=torch.Generator().manual_seed(0))
    models = pretrained.load("beta_mnist")
    noise = [(0.5 * model.encode(x).logvar).exp().mean() for model in models]
    assert noise == sorted(noise)
    for model in models:
        assert read_network(nn.Sequential(model.decoder, nn.Sigmoid())) is not None
