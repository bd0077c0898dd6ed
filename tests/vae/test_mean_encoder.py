"""The encoder that a widget runs."""

import pytest
import torch
from torch import nn

from course_utils.vae import VAE, mean_encoder, mlp_vae
from course_utils.widgets.readable import read_network


@pytest.mark.parametrize("bias", [True, False])
def test_the_means_and_nothing_else(bias):
    torch.manual_seed(0)
    model = mlp_vae((5, 4), 3, hidden=(7,))
    model.encoder[-1] = nn.Linear(7, 6, bias=bias)
    x = torch.rand(11, 5, 4)
    encoder = mean_encoder(model)
    torch.testing.assert_close(encoder(x), model.encode(x).mean)  # the same sums, over fewer columns
    assert read_network(encoder) is not None, "the browser cannot run it"


def test_it_is_a_copy_without_gradients():
    model = mlp_vae((5, 4), 3, hidden=(7,))
    encoder = mean_encoder(model)
    x = torch.rand(2, 5, 4)
    before = encoder(x)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    assert torch.equal(encoder(x), before)
    assert before.abs().max() > 0
    assert not any(parameter.requires_grad for parameter in encoder.parameters())


def test_an_encoder_that_cannot_be_cut():
    model = VAE(nn.Sequential(nn.Linear(4, 6), nn.Tanh()), nn.Sequential(nn.Linear(3, 4)), 3)
    with pytest.raises(TypeError, match=r"must end with a linear layer, .*, got Tanh\(\)"):
        mean_encoder(model)
