"""Training: it learns what can be learned, and goes on from a checkpoint bit for bit."""

import math

import pytest
import torch

from course_utils import autoregressive as ar
from course_utils.conditions import OneHot
from course_utils.data import binarize


def stripes(n, generator):
    """Images (n, 4, 4) of which each row is drawn by a coin and then alternates: 4·log 2 nats each."""
    first = torch.randint(2, (n, 4, 1), generator=generator).float()
    return (first + torch.arange(4)) % 2


def test_it_reaches_the_entropy():
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    x = stripes(500, generator)
    model = ar.PixelCNN((4, 4), width=8, n_blocks=1, first_kernel=3)
    history = ar.fit_autoregressive(
        model, x, n_steps=250, learning_rate=2e-2, average=0.95, generator=generator
    )
    reached = model.log_prob(stripes(200, generator)).mean().item()
    assert reached == pytest.approx(-4 * math.log(2), abs=0.05)
    assert history["log_prob"][0] < -8 < history.last("log_prob")


def test_a_condition_is_learned():
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    labels = torch.randint(3, (300,), generator=generator)
    x = labels[:, None, None].expand(-1, 2, 2).contiguous()  # every pixel has the level of the label
    settings = {"n_levels": 3, "as_one_hot": True, "condition": OneHot((3,))}
    model = ar.GatedPixelCNN((2, 2), width=8, n_blocks=1, first_kernel=3, **settings)
    ar.fit_autoregressive(model, x, labels, n_steps=200, learning_rate=2e-2, average=0.9, generator=generator)
    assert (model.log_prob(x, labels) > -0.1).all()
    drawn = ar.sample(model, 30, torch.arange(30) % 3, generator=generator)
    assert (drawn == (torch.arange(30) % 3)[:, None, None]).double().mean() > 0.95


def test_it_goes_on_bit_for_bit(tmp_path):
    def run(n_steps, stop, path):
        torch.manual_seed(0)
        generator = torch.Generator().manual_seed(0)
        model = ar.GatedPixelCNN((4, 4), width=4, n_blocks=1, first_kernel=3)
        grey = torch.rand(40, 4, 4, generator=torch.Generator().manual_seed(1))

        def interrupt(_):
            if stop:
                raise ZeroDivisionError
            return {}

        settings = {"draw": binarize, "generator": generator, "checkpoint": path, "checkpoint_every": 3}
        try:
            ar.fit_autoregressive(
                model, grey, n_steps=n_steps, measure=interrupt, measure_every=5, **settings
            )
        except ZeroDivisionError:
            return None
        return model.state_dict()

    assert run(8, True, tmp_path / "a.pt") is None
    resumed = run(8, False, tmp_path / "a.pt")
    whole = run(8, False, tmp_path / "b.pt")
    for name, weight in whole.items():
        assert torch.equal(weight, resumed[name]), name


def test_bad_requests():
    model = ar.MADE((2, 2))
    with pytest.raises(ValueError, match="whole numbers from 0 to 1"):
        ar.fit_autoregressive(model, torch.rand(20, 2, 2), n_steps=1)
    with pytest.raises(ValueError, match="learning_rate must be greater than 0"):
        ar.fit_autoregressive(model, torch.zeros(20, 2, 2), n_steps=1, learning_rate=0)
