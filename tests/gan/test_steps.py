"""The two steps: each changes one player only. The unrolled discriminator, by hand and by finite differences."""

import copy
from functools import partial

import pytest
import torch
from torch import nn
from torch.func import functional_call

from course_utils.gan import (
    LOSSES,
    LatentGenerator,
    Penalty,
    discriminator_loss,
    discriminator_step,
    generator_step,
    unrolled,
)
from course_utils.networks import mlp


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def players():
    """(generator, discriminator) in float64, smooth, each with a gradient left over from before."""
    both = LatentGenerator(mlp([2, 6, 2], activation=nn.Tanh), 2), mlp([2, 6, 1], activation=nn.Tanh)
    for player in both:
        player.double()
        for weight in player.parameters():
            weight.grad = torch.randn_like(weight)
    return both


def sgd(player, rate=0.1):
    return torch.optim.SGD(player.parameters(), lr=rate)


def adam(player, rate=0.01):
    return torch.optim.Adam(player.parameters(), lr=rate)


def everything(player):
    return [part.detach().clone() for weight in player.parameters() for part in (weight, weight.grad)] + list(
        player.buffers()
    )


def same(before, after):
    return all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


REAL = 2 + torch.randn(16, 2, generator=seeded(7), dtype=torch.float64)


# One step


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("look_ahead", [False, True])
def test_the_generators_step_leaves_the_discriminator_alone(name, look_ahead):
    generator, discriminator = players()
    own = adam(discriminator)
    unroll = partial(unrolled, discriminator, own, n_steps=3, loss=LOSSES[name]) if look_ahead else None
    before, moved = everything(discriminator), everything(generator)
    generator_step(discriminator, generator, sgd(generator), REAL, loss=LOSSES[name], unroll=unroll)
    assert same(before, everything(discriminator)), "neither weights nor gradients"
    assert not any(torch.equal(a, b) for a, b in zip(moved[::2], everything(generator)[::2], strict=True))
    assert not own.state


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("penalty", [None, "gradient_penalty", "r1_and_r2"])
def test_the_discriminators_step_leaves_the_generator_alone(name, penalty):
    generator, discriminator = players()
    function = None if penalty is None else Penalty(penalty).bound(seeded())
    before, moved = everything(generator), everything(discriminator)
    discriminator_step(
        discriminator, generator, sgd(discriminator), REAL, loss=LOSSES[name], penalty=function
    )
    assert same(before, everything(generator)), "neither weights nor gradients"
    assert not torch.equal(moved[0], everything(discriminator)[0])


def fakes(generator, seed=0):
    z = torch.randn(len(REAL), 2, generator=seeded(seed), dtype=torch.float64)
    return generator.network(z)


@pytest.mark.parametrize("name", LOSSES)
def test_a_discriminators_step_is_gradient_descent_on_its_loss(name):
    generator, discriminator = players()
    expected = copy.deepcopy(discriminator)
    loss = LOSSES[name].discriminator(expected(REAL), expected(fakes(generator).detach()))
    penalty = expected[0].weight.square().sum()
    gradients = torch.autograd.grad(loss + penalty, expected.parameters(), allow_unused=True)
    value = discriminator_step(
        discriminator,
        generator,
        sgd(discriminator),
        REAL,
        loss=LOSSES[name],
        penalty=lambda d, real, fake: d[0].weight.square().sum(),
        generator=seeded(),
    )
    torch.testing.assert_close(value, loss.detach(), msg="without the penalty")
    assert value.shape == ()
    for weight, old, gradient in zip(
        discriminator.parameters(), expected.parameters(), gradients, strict=True
    ):
        torch.testing.assert_close(weight, old - 0.1 * gradient)


def test_the_penalty_is_given_the_real_and_the_fake_examples():
    generator, discriminator = players()
    seen = []

    def penalty(*given):
        seen.extend(given)
        return torch.zeros(())

    discriminator_step(
        discriminator, generator, sgd(discriminator), REAL, penalty=penalty, generator=seeded(3)
    )
    assert seen[0] is discriminator
    assert seen[1] is REAL
    torch.testing.assert_close(seen[2], fakes(generator, 3).detach())
    assert not seen[2].requires_grad


@pytest.mark.parametrize("name", LOSSES)
def test_a_generators_step_is_gradient_descent_on_its_loss(name):
    generator, discriminator = players()
    expected, loss = copy.deepcopy(generator), LOSSES[name]
    scores = discriminator(fakes(expected))
    value = loss.generator(discriminator(REAL), scores) if loss.paired else loss.generator(scores)
    gradients = torch.autograd.grad(value, expected.parameters())
    got = generator_step(discriminator, generator, sgd(generator), REAL, loss=loss, generator=seeded())
    torch.testing.assert_close(got, value.detach())
    assert not got.requires_grad
    for weight, old, gradient in zip(generator.parameters(), expected.parameters(), gradients, strict=True):
        torch.testing.assert_close(weight, old - 0.1 * gradient)


def test_frozen_layers_stay():
    generator, discriminator = players()
    for player in (generator.network, discriminator):
        player[0].requires_grad_(False)
    frozen = generator.network[0].weight.clone(), discriminator[0].weight.clone()
    unroll = partial(unrolled, discriminator, sgd(discriminator), n_steps=2)
    discriminator_step(discriminator, generator, sgd(discriminator), REAL)
    generator_step(discriminator, generator, sgd(generator), REAL, unroll=unroll)
    assert same(frozen, (generator.network[0].weight, discriminator[0].weight))


# Looking ahead


def test_unrolling_one_step_by_hand():
    generator, discriminator = players()
    fake = fakes(generator)
    ahead = unrolled(discriminator, sgd(discriminator, 0.3), REAL, fake, n_steps=1)
    names, weights = zip(*discriminator.named_parameters(), strict=True)
    loss = discriminator_loss(discriminator(REAL), discriminator(fake))
    gradients = torch.autograd.grad(loss, weights, create_graph=True)
    moved = {n: w - 0.3 * g for n, w, g in zip(names, weights, gradients, strict=True)}
    expected = functional_call(discriminator, moved, (fake,))
    torch.testing.assert_close(ahead(fake), expected)
    objective, by_hand = (LOSSES["non_saturating"].generator(logits) for logits in (ahead(fake), expected))
    for a, b in zip(
        torch.autograd.grad(objective, generator.parameters(), retain_graph=True),
        torch.autograd.grad(by_hand, generator.parameters()),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("name", LOSSES)
def test_unrolling_is_what_steps_of_the_discriminator_would_give(name):
    generator, discriminator = players()
    fake, loss = fakes(generator).detach(), LOSSES[name]
    before = everything(discriminator)
    ahead = unrolled(discriminator, sgd(discriminator, 0.3), REAL, fake, n_steps=4, loss=loss)(REAL)
    assert same(before, everything(discriminator))
    optimizer = sgd(discriminator, 0.3)
    for _ in range(4):
        optimizer.zero_grad()
        loss.discriminator(discriminator(REAL), discriminator(fake)).backward()
        optimizer.step()
    torch.testing.assert_close(ahead, discriminator(REAL))


def test_unrolling_adam_divides_by_the_root_of_its_second_moments():
    """With β₁ = 0 and β₂ nearly 1, Adam's next step is this one but for its own gradient in the second moment."""
    generator, discriminator = players()
    fake = fakes(generator).detach()
    optimizer = torch.optim.Adam(discriminator.parameters(), lr=0.01, betas=(0.0, 0.999))
    for _ in range(300):
        discriminator_step(discriminator, generator, optimizer, REAL)
    start = discriminator(REAL).detach()
    ahead = unrolled(discriminator, optimizer, REAL, fake, n_steps=1)(REAL).detach()
    optimizer.zero_grad()
    discriminator_loss(discriminator(REAL), discriminator(fake)).backward()
    optimizer.step()
    moved = discriminator(REAL).detach() - start
    # The second moment v changes by (g² - v)/301, the step by half of that share: 2 % if g² is 12 times v.
    torch.testing.assert_close(ahead - start, moved, rtol=0, atol=0.02 * float(moved.abs().max()))
    assert float(moved.abs().max()) > 1e-3


def unrolled_objective(generator, discriminator, z, n_steps, names, *weights):
    fake = functional_call(generator, dict(zip(names, weights, strict=True)), (z,))
    ahead = unrolled(discriminator, sgd(discriminator, 0.3), REAL, fake, n_steps=n_steps)
    return LOSSES["non_saturating"].generator(ahead(fake))


def test_the_gradient_of_the_unrolled_objective_by_finite_differences():
    generator, discriminator = players()
    names, weights = zip(*generator.named_parameters(), strict=True)
    z = torch.randn(len(REAL), 2, generator=seeded(), dtype=torch.float64)
    objective = partial(unrolled_objective, generator, discriminator, z, 3, names)
    assert torch.autograd.gradcheck(objective, tuple(w.detach().requires_grad_() for w in weights))


def test_looking_ahead_changes_the_generators_gradient():
    generator, discriminator = players()
    gradients = []
    for unroll in (None, partial(unrolled, discriminator, sgd(discriminator, 0.3), n_steps=3)):
        player = copy.deepcopy(generator)
        generator_step(discriminator, player, sgd(player), REAL, unroll=unroll, generator=seeded())
        gradients.append(torch.cat([weight.grad.flatten() for weight in player.parameters()]))
    assert (gradients[0] - gradients[1]).norm() > 0.05 * gradients[0].norm()
    # The answer of the discriminator counts, not only where it will be: without it the gradient differs again.
    fake = fakes(generator)
    ahead = unrolled(discriminator, sgd(discriminator, 0.3), REAL, fake.detach(), n_steps=3)
    blind = torch.autograd.grad(LOSSES["non_saturating"].generator(ahead(fake)), generator.parameters())
    assert (torch.cat([g.flatten() for g in blind]) - gradients[1]).norm() > 0.01 * gradients[1].norm()


# Errors


def test_what_does_not_fit_is_named():
    generator, discriminator = players()
    optimizer = sgd(discriminator)
    with pytest.raises(
        ValueError,
        match=r"real must be like what the generator makes, \(16, 2\) of torch.float64, got \(16, 3\)",
    ):
        discriminator_step(discriminator, generator, optimizer, torch.zeros(16, 3).double())
    with pytest.raises(ValueError, match=r"got \(16, 2\) of torch.float32"):
        discriminator_step(discriminator, generator, optimizer, REAL.float())
    plain = generator.network
    for step in (discriminator_step, generator_step):
        with pytest.raises(
            TypeError,
            match=r"must be a LatentGenerator, got Sequential; LatentGenerator\(network, latent_dim\)",
        ):
            step(discriminator, plain, optimizer, REAL)
    with pytest.raises(ValueError, match=r"optimizer must be the discriminator's"):
        unrolled(discriminator, sgd(generator), REAL, REAL)
    with pytest.raises(ValueError, match=r"n_steps must be at least 1, got 0"):
        unrolled(discriminator, optimizer, REAL, REAL, n_steps=0)
