"""A convolutional conditional VAE: its shapes, what each part sees, its size, and that it learns the condition."""

import pytest
import torch
from torch import nn

from course_utils.networks import start_output_at
from course_utils.vae import Gaussian, conv_conditional_vae, elbo, fit_vae

COLOUR = (3, 8, 12)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def small(shape=COLOUR, n_values=(2, 3), **settings):
    torch.manual_seed(0)
    settings = {"output": nn.Sigmoid, "likelihood": Gaussian(0.1)} | settings
    return conv_conditional_vae(shape, 4, n_values, width=8, hidden=32, **settings)


def conditions(n):
    return torch.stack([torch.arange(n) % 2, torch.arange(n) % 3], dim=1)


@pytest.mark.parametrize("shape", [COLOUR, (8, 12)])
def test_shapes(shape):
    model = small(shape)
    x = torch.rand(5, *shape, generator=seeded())
    posterior = model.encode(x, conditions(5))
    assert posterior.mean.shape == posterior.logvar.shape == (5, 4)
    images = model.sample(conditions(5), generator=seeded())
    assert images.shape == x.shape
    assert images.min() >= 0
    assert images.max() <= 1
    assert elbo(model, x, conditions(5), generator=seeded()).shape == (5,)


def test_without_an_output_layer_it_gives_logits():
    model = small(output=None, likelihood=None)
    black_and_white = model.sample(conditions(6), draw=True, generator=seeded())
    assert set(black_and_white.unique().tolist()) <= {0.0, 1.0}
    with pytest.raises(ValueError, match="decoder must give logits"):
        small(likelihood=None)


def test_the_encoder_sees_the_pixels_in_their_places():
    """The image reaches the convolutions as it was; the same numbers, computed part by part."""
    model = small()
    x = torch.rand(3, *COLOUR, generator=seeded())
    first, *linear = model.encoder
    joined = torch.cat([first.network(x), model.one_hot(conditions(3))], 1)
    expected = nn.Sequential(*linear)(joined)
    torch.testing.assert_close(torch.cat(model.encode(x, conditions(3)), 1), expected)


def test_both_sides_depend_on_image_or_code_and_on_each_attribute():
    model = small()
    x, z = torch.rand(1, *COLOUR, generator=seeded()), torch.randn(1, 4, generator=seeded(1))
    base = torch.tensor([[0, 0]])
    for other in (torch.tensor([[1, 0]]), torch.tensor([[0, 2]])):
        assert not torch.allclose(model.encode(x, base).mean, model.encode(x, other).mean)
        assert not torch.allclose(model.decode(z, base), model.decode(z, other))
    assert not torch.allclose(model.encode(x, base).mean, model.encode(1 - x, base).mean)
    assert not torch.allclose(model.decode(z, base), model.decode(-z, base))


@torch.no_grad()
def test_the_condition_reaches_the_picture_also_without_the_linear_layers():
    """Each modulation alone lets it through; without all of them it does not come."""
    model = small()
    body = model.decoder[0]
    body.start[0].weight[:, model.latent_dim :] = 0
    kept = [(layer.weight.clone(), layer.bias.clone()) for layer in body.modulations]
    z = torch.randn(1, 4, generator=seeded())

    def differs():
        return not torch.equal(
            model.decode(z, torch.tensor([[0, 0]])), model.decode(z, torch.tensor([[1, 0]]))
        )

    for layer in body.modulations:
        layer.weight.zero_()
        layer.bias.zero_()
    assert not differs()
    for layer, (weight, bias) in zip(body.modulations, kept, strict=True):
        layer.weight.copy_(weight)
        layer.bias.copy_(bias)
        assert differs()
        layer.weight.zero_()
        layer.bias.zero_()


@torch.no_grad()
def test_a_modulation_scales_and_shifts_each_channel():
    """With a scale of -1 nothing of the layer is left but the shift."""
    model = small()
    body = model.decoder[0]
    last = body.modulations[-1]
    last.weight.zero_()
    last.bias.copy_(torch.tensor([-1.0, -1.0, -1.0, -1.0, 0.0, 1.0, 2.0, 3.0]))
    features = body(torch.randn(2, 4 + 5, generator=seeded()))
    shift = nn.functional.silu(torch.arange(4.0))
    torch.testing.assert_close(features, shift[None, :, None, None].expand(2, 4, *COLOUR[1:]))


@torch.no_grad()
def test_loudness_scales_what_each_part_hears_of_the_condition():
    """The same as scaled weights of the condition, in the first layer and in the modulations."""
    loud, plain = small(loudness=(2.0, 0.5)), small()
    plain.load_state_dict(loud.state_dict())
    body = plain.decoder[0]
    body.start[0].weight[:, plain.latent_dim :] *= 2
    for layer in body.modulations:
        layer.weight *= 0.5
    z = torch.randn(6, 4, generator=seeded())
    torch.testing.assert_close(loud.decode(z, conditions(6)), plain.decode(z, conditions(6)))


def test_the_decoder_can_start_at_the_mean_image():
    model = small()
    mean = torch.rand(3, 1, 1, generator=seeded()).expand(COLOUR)  # what a bias per channel can say
    start_output_at(model.decoder, mean)
    started = model.sample(conditions(200), generator=seeded()).mean(0)
    # Of the untrained weights a little is left; a start at 0.5 would be off by up to a half.
    torch.testing.assert_close(started, mean, atol=0.1, rtol=0)


def test_it_learns_what_the_condition_says_and_codes_the_rest():
    """Colour is asked for, brightness is not: it has to go through z."""
    generator = seeded()
    colour = torch.randint(3, (600,), generator=generator)
    brightness = 0.4 + 0.5 * torch.rand(600, generator=generator)
    images = torch.zeros(600, 3, 8, 8)
    images[torch.arange(600), colour] = brightness[:, None, None]
    model = small((3, 8, 8), (3,))
    history = fit_vae(
        model, images, colour, n_steps=600, batch_size=60, learning_rate=5e-3, generator=seeded()
    )
    drawn = model.sample(torch.arange(3).repeat(100), generator=seeded()).mean((2, 3))  # (300, 3)
    asked = torch.arange(3).repeat(100)
    assert torch.equal(drawn.argmax(1), asked)
    others = drawn.sum(1) - drawn.amax(1)
    assert others.max() < 0.1
    assert 0.1 < drawn.amax(1).std() < 0.2, "as the data: 0.5/√12 = 0.144"
    assert history.last("kl") > 1, "nats for the brightness"


def test_errors():
    with pytest.raises(ValueError, match="both sides divisible by 4"):
        small((3, 10, 12))
    with pytest.raises(ValueError, match="width must be even, got 5"):
        conv_conditional_vae(COLOUR, 4, (2, 3), width=5)
    with pytest.raises(ValueError, match="loudness must be greater than 0, got 0"):
        small(loudness=(1.0, 0))
    with pytest.raises(ValueError, match=r"conditions\[:, 1\] must be from 0 to 2, got 0 to 3"):
        small().sample(torch.tensor([[0, 0], [1, 3]]))
