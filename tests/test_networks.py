import copy
import itertools

import numpy as np
import pytest
import torch
from torch import nn

from course_utils.gan import pixelshuffle_generator
from course_utils.networks import (
    apply_in_batches,
    conv_decoder,
    conv_encoder,
    fold_batch_norm,
    mlp,
    stack_models,
    start_output_at,
    unstack_models,
)

PLAIN = (
    nn.Linear,
    nn.Conv2d,
    nn.SiLU,
    nn.Sigmoid,
    nn.Flatten,
    nn.Unflatten,
    nn.PixelShuffle,
    nn.PixelUnshuffle,
)


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def kinds(network):
    return [type(layer) for layer in network]


# MLP


def test_mlp_is_its_formula():
    network = mlp([3, 5, 4, 2], activation=nn.Tanh, output=nn.Sigmoid).double()
    x = torch.randn(7, 3, dtype=torch.float64)
    h = x.numpy()
    linear = [layer for layer in network if isinstance(layer, nn.Linear)]
    for number, layer in enumerate(linear):
        h = h @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()
        h = np.tanh(h) if number < 2 else 1 / (1 + np.exp(-h))
    np.testing.assert_allclose(network(x).detach().numpy(), h, rtol=1e-12)


def test_activations_stand_between_the_linear_layers_only():
    assert kinds(mlp([3, 5, 2])) == [nn.Linear, nn.SiLU, nn.Linear]
    assert kinds(mlp((3, 2))) == [nn.Linear]
    assert kinds(mlp((3, 2), output=nn.Tanh)) == [nn.Linear, nn.Tanh]


@pytest.mark.parametrize(
    ("sizes", "error", "message"),
    [
        ([3], ValueError, r"at least the numbers of inputs and of outputs, got \[3\]"),
        ([3, 0, 2], ValueError, r"sizes\[1\] must be at least 1, got 0"),
        ([3, 2.5], TypeError, r"sizes\[1\] must be an integer, got 2.5"),
    ],
)
def test_bad_sizes(sizes, error, message):
    with pytest.raises(error, match=message):
        mlp(sizes)


# Convolutions


@pytest.mark.parametrize("shape", [(28, 28), (1, 28, 28), (3, 32, 32), (8, 12)])
def test_shapes_of_the_convolutional_networks(shape):
    encoder, decoder = conv_encoder(shape, 5, width=4), conv_decoder(5, shape, width=4, output=nn.Sigmoid)
    images = decoder(torch.randn(6, 5))
    assert images.shape == (6, *shape)
    assert encoder(images).shape == (6, 5)
    assert all(isinstance(layer, PLAIN) for layer in itertools.chain(encoder, decoder))
    assert (images > 0).all()
    assert (images < 1).all()


def test_every_pixel_can_differ_and_every_code_matters():
    decoder = conv_decoder(3, (8, 12), width=4).double()
    z = torch.randn(3, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda z: decoder(z[None])[0], z)  # (8, 12, 3)
    assert torch.linalg.matrix_rank(jacobian.flatten(0, 1)) == 3
    assert (jacobian != 0).any(2).all()


def test_without_output_the_decoder_is_unbounded():
    assert not any(isinstance(layer, nn.Sigmoid) for layer in conv_decoder(2, (8, 8)))


@pytest.mark.parametrize("shape", [(30, 28), (28, 27), (28,), (2, 3, 28, 28)])
def test_sides_that_cannot_be_halved_twice(shape):
    for make in (lambda: conv_encoder(shape, 2), lambda: conv_decoder(2, shape)):
        with pytest.raises(ValueError, match=r"both sides divisible by 4.*pad the images"):
            make()


# The start of the output


def mean_image(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1)) * 0.8 + 0.1


@pytest.mark.parametrize("output", [nn.Sigmoid, nn.Tanh, None])
def test_the_bias_alone_gives_the_mean(output):
    network = nn.Sequential(*mlp([2, 8, 12], output=output), nn.Unflatten(1, (3, 4)))
    mean = mean_image(3, 4)
    start_output_at(network, mean)
    with torch.no_grad():
        network[2].weight.zero_()
    torch.testing.assert_close(network(torch.randn(5, 2)), mean.expand(5, 3, 4))


@pytest.mark.parametrize("shape", [(8, 8), (3, 8, 8)])
def test_a_convolution_starts_at_the_mean_over_each_channel(shape):
    network = conv_decoder(2, shape, width=4, output=nn.Sigmoid)
    mean = mean_image(*shape)
    start_output_at(network, mean)
    last = [layer for layer in network if isinstance(layer, nn.Conv2d)][-1]
    with torch.no_grad():
        last.weight.zero_()
    image = network(torch.randn(1, 2))[0]
    for i, j in itertools.product(range(2), range(2)):  # the four places that PixelShuffle fills
        got, wanted = image[..., i::2, j::2], mean[..., i::2, j::2]
        torch.testing.assert_close(got, wanted.mean((-2, -1), keepdim=True).expand_as(got))


def test_pixels_that_are_always_black_stay_finite():
    network = nn.Sequential(*mlp([2, 4], output=nn.Sigmoid), nn.Unflatten(1, (2, 2)))
    start_output_at(network, torch.tensor([[0.0, 1.0], [0.5, 0.0]]))
    logit = np.log(0.001 / 0.999)
    torch.testing.assert_close(network[0].bias.detach(), torch.tensor([logit, -logit, 0, logit]).float())


def test_starts_that_make_no_sense():
    with pytest.raises(TypeError, match=r"the output layer ReLU\(\) has no inverse here"):
        start_output_at(mlp([2, 4], output=nn.ReLU), torch.zeros(4))
    with pytest.raises(ValueError, match=r"got shape \(3, 3\) for 4 outputs; images.mean\(0\) is one"):
        start_output_at(nn.Sequential(*mlp([2, 4]), nn.Unflatten(1, (2, 2))), torch.zeros(3, 3))
    with pytest.raises(TypeError, match="must have a bias"):
        start_output_at(nn.Sequential(nn.Linear(2, 4, bias=False)), torch.zeros(4))
    with pytest.raises(TypeError, match="must hold a linear or convolutional layer"):
        start_output_at(nn.Sequential(nn.Sigmoid()), torch.zeros(4))


# Batches


@pytest.mark.parametrize("size", [1, 3, 10, 100])
def test_in_batches_as_at_once(size):
    network = mlp([4, 8, 2]).double()
    x = torch.randn(10, 4, dtype=torch.float64)
    largest = 0

    def spy(part):
        nonlocal largest
        largest = max(largest, len(part))
        return network(part)

    y = apply_in_batches(spy, x, size=size)
    torch.testing.assert_close(y, network(x).detach(), rtol=1e-12, atol=0)
    assert not y.requires_grad
    assert largest == min(size, 10)


def test_no_rows():
    with pytest.raises(ValueError, match=r"at least one row, got shape \(0, 4\)"):
        apply_in_batches(mlp([4, 2]), torch.zeros(0, 4))
    with pytest.raises(ValueError, match="got list"):
        apply_in_batches(mlp([4, 2]), [1.0])


# Stacks of models


def several(n=3, **settings):
    return [mlp([4, 5, 2], activation=nn.Tanh, **settings).double() for _ in range(n)]


def test_a_stack_gives_each_block_of_rows_to_its_model():
    models = several()
    x = torch.randn(3, 7, 4, dtype=torch.float64)
    stacked = stack_models(models)(x.flatten(0, 1))
    alone = torch.cat([model(block) for model, block in zip(models, x, strict=True)])
    torch.testing.assert_close(stacked, alone)


def test_a_stack_trains_each_model_as_if_alone():
    models = several()
    x = torch.randn(10, 3, 7, 4, dtype=torch.float64)  # steps, models, batch, features
    stack = stack_models(models)
    # eps small: Adam is blind to the 1/3 on the gradients of a mean loss, but for its eps.
    together = torch.optim.Adam(stack.parameters(), lr=1e-2, eps=1e-30)
    for batch in x:
        together.zero_grad()
        stack(batch.flatten(0, 1)).square().mean().backward()
        together.step()
    for number, model in enumerate(models):
        alone = torch.optim.Adam(model.parameters(), lr=1e-2, eps=1e-30)
        for batch in x[:, number]:
            alone.zero_grad()
            model(batch).square().mean().backward()
            alone.step()
    for trained, model in zip(unstack_models(stack), models, strict=True):
        for (name, weight), (_, expected) in zip(
            trained.named_parameters(), model.named_parameters(), strict=True
        ):
            torch.testing.assert_close(weight, expected, msg=lambda text, name=name: f"{name}: {text}")


def test_a_stack_shares_no_weights_with_the_models_before_or_after():
    models = several()
    before = [copy.deepcopy(model.state_dict()) for model in models]
    stack = stack_models(models)
    apart = unstack_models(stack)
    with torch.no_grad():
        for weight in stack.parameters():
            weight.zero_()
    for model, again, state in zip(models, apart, before, strict=True):
        assert type(again[0]) is nn.Linear
        for name, weight in state.items():
            torch.testing.assert_close(model.state_dict()[name], weight, rtol=0, atol=0)
            torch.testing.assert_close(again.state_dict()[name], weight, rtol=0, atol=0)


def test_a_stack_is_of_the_models_own_class_and_goes_without_bias():
    class Doubled(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 3, bias=False)

        def forward(self, x):
            return 2 * self.layer(x)

    models = [Doubled(), Doubled()]
    stack = stack_models(models)
    assert type(stack) is Doubled
    x = torch.randn(4, 3)
    torch.testing.assert_close(stack(x), torch.cat([models[0](x[:2]), models[1](x[2:])]))
    assert unstack_models(stack)[1].layer.bias is None


def test_a_lone_layer_can_be_stacked_too():
    layers = [nn.Linear(3, 2), nn.Linear(3, 2)]
    x = torch.randn(6, 3)
    stack = stack_models(layers)
    torch.testing.assert_close(stack(x), torch.cat([layers[0](x[:3]), layers[1](x[3:])]))
    torch.testing.assert_close(unstack_models(stack)[1](x), layers[1](x))


def trained_a_little(network, x):
    """Batch norms get statistics that are neither 0 nor 1."""
    for _ in range(3):
        network(x)
    return network.eval()


@pytest.mark.parametrize("shape", [(28, 28), (3, 24, 24)])
def test_folding_batch_norm_changes_nothing(shape):
    torch.manual_seed(0)
    network = pixelshuffle_generator(shape, 8, width=4).network.double()
    z = torch.randn(50, 8, dtype=torch.float64)
    trained_a_little(network, 3 * z + 1)
    before = copy.deepcopy(network.state_dict())
    folded = fold_batch_norm(network)
    assert not any(isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d) for layer in folded)
    torch.testing.assert_close(folded(z), network(z), rtol=1e-9, atol=1e-9)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize(
    "layers",
    [
        [nn.BatchNorm1d(3)],
        [nn.Linear(2, 3), nn.ReLU(), nn.BatchNorm1d(3)],
        [nn.Linear(2, 3), nn.BatchNorm2d(3)],
    ],
)
def test_a_batch_norm_without_a_layer_before_it(layers):
    with pytest.raises(ValueError, match="right after a linear or convolutional layer"):
        fold_batch_norm(nn.Sequential(*layers))


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ([], "at least one model"),
        ([mlp([2, 3]), mlp([2, 3]), mlp([2, 4])], r"models\[2\] differs"),
        ([nn.Sequential(nn.Conv2d(1, 1, 3))] * 2, "linear layers only, got 0: Conv2d"),
        ([nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2, affine=False))] * 2, "got 1: BatchNorm1d"),
        ([nn.Sequential(*[nn.Linear(2, 2)] * 2)] * 2, "one in several of 0, 1"),
    ],
)
def test_models_that_do_not_stack(models, message):
    with pytest.raises(ValueError, match=message):
        stack_models(models)


def test_rows_that_the_models_cannot_share():
    stack = stack_models(several())
    with pytest.raises(ValueError, match=r"3 models can share equally, got \(7, 4\)"):
        stack(torch.randn(7, 4, dtype=torch.float64))
    with pytest.raises(ValueError, match="without a LinearStack"):
        unstack_models(mlp([2, 2]))
