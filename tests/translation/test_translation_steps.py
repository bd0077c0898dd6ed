"""Each step changes one side only, and is gradient descent on its loss."""

import copy

import pytest
import torch
from torch import nn

from course_utils.gan import LOSSES
from course_utils.translation import (
    ResidualTranslator,
    absolute_error,
    cycle_loss,
    cycle_step,
    identity_loss,
    joined,
    patch_discriminator,
    patch_step,
    pix2pix_step,
)


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


SHAPE = (3, 8, 8)
A = torch.rand(6, *SHAPE, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
B = torch.rand(6, *SHAPE, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def with_gradients(network):
    network.double()
    for weight in network.parameters():
        weight.data += 0.1 * torch.randn_like(weight)
        weight.grad = torch.randn_like(weight)
    return network


def translators(n=2):
    return [with_gradients(ResidualTranslator(SHAPE, width=3, n_blocks=1)) for _ in range(n)]


def discriminators(channels=3, n=2):
    return [with_gradients(patch_discriminator((channels, 8, 8), width=3)) for _ in range(n)]


def sgd(*networks, rate=0.1):
    return torch.optim.SGD([weight for network in networks for weight in network.parameters()], lr=rate)


def everything(*networks):
    return [
        part.detach().clone()
        for network in networks
        for weight in network.parameters()
        for part in (weight, weight.grad)
    ]


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def moved_by(loss_of, networks, rate=0.1):
    """Copies of the networks after a step of gradient descent on a loss of them."""
    copies = [copy.deepcopy(network) for network in networks]
    weights = [weight for network in copies for weight in network.parameters()]
    gradients = torch.autograd.grad(loss_of(*copies), weights)
    with torch.no_grad():
        for weight, gradient in zip(weights, gradients, strict=True):
            weight -= rate * gradient
    return copies


def assert_close(networks, expected):
    for network, other in zip(networks, expected, strict=True):
        for weight, wanted in zip(network.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(weight, wanted)


@pytest.mark.parametrize("name", LOSSES)
def test_a_discriminators_step(name):
    (translator,), (discriminator,) = translators(1), discriminators(n=1)
    before = everything(translator)
    fake = translator(A)

    def loss_of(d):
        return LOSSES[name].discriminator(d(B), d(fake.detach()))

    expected, value = moved_by(loss_of, [discriminator]), loss_of(discriminator)
    found = patch_step(discriminator, sgd(discriminator), B, fake, loss=LOSSES[name])
    assert same(before, everything(translator)), "neither weights nor gradients"
    assert_close([discriminator], expected)
    torch.testing.assert_close(found, value.detach())
    assert not found.requires_grad


@pytest.mark.parametrize("name", LOSSES)
def test_the_step_of_pix2pix(name):
    (translator,), (discriminator,) = translators(1), discriminators(6, 1)
    before = everything(discriminator)

    def loss_of(g):
        real, fake = (discriminator(joined(A, images)) for images in (B, g(A)))
        verdict = LOSSES[name].generator(real, fake) if LOSSES[name].paired else LOSSES[name].generator(fake)
        return 3 * absolute_error(g(A), B) + 0.5 * verdict

    made, total, expected = translator(A), loss_of(translator), moved_by(loss_of, [translator])
    weights = {"l1_weight": 3.0, "adversarial_weight": 0.5}
    found, losses = pix2pix_step(
        translator, discriminator, sgd(translator), A, B, loss=LOSSES[name], **weights
    )
    assert same(before, everything(discriminator)), "neither weights nor gradients"
    assert_close([translator], expected)
    torch.testing.assert_close(found, made.detach())
    torch.testing.assert_close(3 * losses["l1_loss"] + 0.5 * losses["adversarial_loss"], total.detach())
    assert not any(value.requires_grad for value in (found, *losses.values()))


def test_pix2pix_with_one_term_switched_off():
    (discriminator,) = discriminators(6, 1)
    for weights, opponent, name in (
        ((1.0, 0.0), None, "l1_loss"),
        ((1.0, 0.0), discriminator, "l1_loss"),
        ((0.0, 1.0), discriminator, "adversarial_loss"),
    ):
        (translator,) = translators(1)
        _, losses = pix2pix_step(
            translator, opponent, sgd(translator), A, B, l1_weight=weights[0], adversarial_weight=weights[1]
        )
        assert list(losses) == [name]


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize(("cycle", "identity"), [(4.0, 2.0), (4.0, 0.0), (0.0, 0.0)])
def test_the_step_of_cyclegan(name, cycle, identity):
    pair, judges = translators(), discriminators()
    before = everything(*judges)
    loss = LOSSES[name]

    def verdict(discriminator, real, fake):
        logits = discriminator(real), discriminator(fake)
        return loss.generator(*logits) if loss.paired else loss.generator(logits[1])

    def loss_of(g, f):
        return (
            verdict(judges[0], A, f(B))
            + verdict(judges[1], B, g(A))
            + cycle * cycle_loss(A, f(g(A)), B, g(f(B)))
            + identity * identity_loss(A, f(A), B, g(B))
        )

    fakes, total, expected = (pair[0](A), pair[1](B)), loss_of(*pair), moved_by(loss_of, pair)
    found = cycle_step(
        *pair, *judges, sgd(*pair), A, B, cycle_weight=cycle, identity_weight=identity, loss=loss
    )
    assert same(before, everything(*judges)), "neither weights nor gradients"
    assert_close(pair, expected)
    torch.testing.assert_close(found.b, fakes[0].detach())
    torch.testing.assert_close(found.a, fakes[1].detach())
    weights = {"adversarial_loss": 1.0, "cycle_loss": cycle, "identity_loss": identity}
    assert list(found.losses) == [term for term, weight in weights.items() if weight]
    torch.testing.assert_close(
        sum(weights[term] * value for term, value in found.losses.items()), total.detach()
    )
    assert not found.a.requires_grad
    assert not found.b.requires_grad


def test_an_identity_pair_has_no_cycle_loss_and_feels_none():
    pair = [ResidualTranslator(SHAPE, width=3) for _ in range(2)]
    judges = [nn.Conv2d(3, 1, 1) for _ in range(2)]
    for judge in judges:
        nn.init.zeros_(judge.weight)
    before = [weight.detach().clone() for network in pair for weight in network.parameters()]
    losses = cycle_step(*pair, *judges, sgd(*pair), A.float(), B.float(), cycle_weight=10.0).losses
    assert losses["cycle_loss"] == 0
    after = [weight for network in pair for weight in network.parameters()]
    assert same(before, after)


def test_shapes_that_do_not_fit_are_refused():
    (translator, other), (first, second) = translators(), discriminators()
    with pytest.raises(ValueError, match="real and fake must have one shape"):
        patch_step(first, sgd(first), A, B[:3])
    with pytest.raises(ValueError, match="made and target are compared pixel by pixel"):
        pix2pix_step(translator, None, sgd(translator), A, B[:, :1], l1_weight=1.0, adversarial_weight=0.0)
    with pytest.raises(ValueError, match="a and b must have one shape"):
        cycle_step(translator, other, first, second, sgd(translator), A, B[:3], cycle_weight=1.0)
