"""Penalties in closed form and by finite differences; clipping, spectral norm, packs and whole batches."""

import math

import pytest
import torch
from torch import nn
from torch.func import functional_call

from course_utils.gan import (
    PENALTIES,
    MinibatchDiscrimination,
    Packed,
    Penalty,
    clip_weights,
    gradient_penalty,
    input_gradient,
    r1_penalty,
    r2_penalty,
    spectrally_normalized,
)
from course_utils.networks import mlp, stack_models


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def points(n=20, d=3, seed=0):
    return torch.randn(n, d, generator=seeded(seed), dtype=torch.float64)


def linear(*slope):
    critic = nn.Linear(len(slope), 1).double()
    with torch.no_grad():
        critic.weight.copy_(torch.tensor([slope], dtype=torch.float64))
    return critic


def weight_gradient(penalty, critic):
    return torch.autograd.grad(penalty, critic.weight)[0]


# Penalties on the gradient


def test_the_gradient_is_that_of_each_example():
    matrix = points(3, 3)

    def quadratic(x):  # ½ xᵀ A x, of gradient ½ (A + Aᵀ) x
        return 0.5 * ((x @ matrix) * x).sum(1)

    x = points(seed=1)
    torch.testing.assert_close(input_gradient(quadratic, x), x @ (matrix + matrix.T) / 2)
    torch.testing.assert_close(
        input_gradient(lambda x: quadratic(x)[:, None], x), input_gradient(quadratic, x)
    )
    images = x.reshape(5, 2, 6)
    torch.testing.assert_close(
        input_gradient(lambda x: x.square().sum((1, 2)), images), 2 * images.flatten(1)
    )
    torch.testing.assert_close(input_gradient(torch.sin, x[:, 0]), x[:, :1].cos())
    with torch.no_grad():
        torch.testing.assert_close(input_gradient(torch.sin, x[:, 0]), x[:, :1].cos())


@pytest.mark.parametrize("slope", [(3.0, 4.0, 0.0), (0.1, 0.2, 0.2), (0.6, 0.0, 0.8)])
def test_the_gradient_penalty_of_a_linear_critic(slope):
    critic, norm = linear(*slope), math.hypot(*slope)
    real, fake = points(), points(seed=1)
    penalty = gradient_penalty(critic, real, fake)
    assert float(penalty.detach()) == pytest.approx((norm - 1) ** 2, abs=1e-12)
    expected = 2 * (norm - 1) / norm * torch.tensor([slope], dtype=torch.float64)
    torch.testing.assert_close(weight_gradient(penalty, critic), expected, atol=1e-9, rtol=1e-7)
    one_sided = gradient_penalty(critic, real, fake, one_sided=True)
    assert float(one_sided.detach()) == pytest.approx(max(norm - 1, 0) ** 2, abs=1e-12)
    if norm < 1:
        assert (weight_gradient(one_sided, critic) == 0).all()


def test_the_norm_is_per_example_before_the_mean():
    def cone(x):  # of slope 2 for x > 0 and 0.5 for x < 0
        return torch.where(x > 0, 2 * x, 0.5 * x)

    x = torch.tensor([[1.0], [-1.0], [-1.0], [-1.0]])
    assert float(gradient_penalty(cone, x, x)) == pytest.approx((1 + 3 * 0.25) / 4)
    assert float(gradient_penalty(cone, x, x, one_sided=True)) == pytest.approx(1 / 4)


def recorded_mix(real, fake, generator):
    """ε of each example and coordinate, from the points that the critic was asked about."""
    seen = []

    def critic(x):
        seen.append(x.detach())
        return x.flatten(1).sum(1)

    gradient_penalty(critic, real, fake, generator=generator)
    (mixed,) = seen
    return (mixed - fake) / (real - fake)


@pytest.mark.parametrize("shape", [(20_000, 3), (20_000, 1, 2, 2)])
def test_the_points_lie_between_the_pairs_one_uniform_share_each(shape):
    real, fake = torch.ones(shape).double(), -torch.ones(shape).double()
    mix = recorded_mix(real, fake, seeded()).flatten(1)
    torch.testing.assert_close(mix, mix[:, :1].expand_as(mix), msg="one share per example")
    share = mix[:, 0]
    assert len(share.unique()) > 19_990, "not one for the whole batch"
    assert share.min() >= 0
    assert share.max() <= 1
    for power in (1, 2, 3):  # moments of U[0, 1]: 1/(k + 1), each with variance below 1/12
        assert float((share**power).mean()) == pytest.approx(1 / (power + 1), abs=5 / math.sqrt(12 * 20_000))


def test_the_pairs_are_kept_and_the_draw_is_seeded():
    real, fake = points(), points(seed=1)
    mix = recorded_mix(real, fake, seeded(3))
    torch.testing.assert_close(mix, mix[:, :1].expand_as(mix), msg="on the segment of each pair")
    assert torch.equal(mix, recorded_mix(real, fake, seeded(3)))
    assert not torch.equal(mix, recorded_mix(real, fake, seeded(4)))


def test_a_flat_critic_costs_1_and_gives_no_nan():
    critic = linear(0.0, 0.0, 0.0)
    penalty = gradient_penalty(critic, points(), points(seed=1))
    assert float(penalty.detach()) == pytest.approx(1, abs=1e-5)
    assert torch.isfinite(weight_gradient(penalty, critic)).all()
    dead = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1)).double()
    nn.init.constant_(dead[0].bias, -1e3)  # no unit is ever active
    penalty = gradient_penalty(dead, points(), points(seed=1))
    penalty.backward()
    assert all(torch.isfinite(weight.grad).all() for weight in dead.parameters() if weight.grad is not None)


def test_r1_and_r2_of_a_linear_and_a_quadratic_critic():
    x = points()
    critic = linear(3.0, 4.0, 0.0)
    for penalty in (r1_penalty, r2_penalty):
        value = penalty(critic, x)
        assert float(value.detach()) == pytest.approx(25)
        torch.testing.assert_close(weight_gradient(value, critic), 2 * critic.weight.detach())
        torch.testing.assert_close(penalty(lambda x: x.square().sum(1) / 2, x), x.square().sum(1).mean())


def test_the_named_penalties():
    real, fake = points(), 3 * points(seed=1)
    at_real, at_fake = real.square().sum(1).mean() / 2, fake.square().sum(1).mean() / 2

    def bowl(x):
        return x.square().sum(1) / 2

    got = {name: Penalty(name).bound(seeded())(bowl, real, fake) for name in PENALTIES}
    torch.testing.assert_close(got["r1"], at_real)
    torch.testing.assert_close(got["r2"], at_fake)
    torch.testing.assert_close(got["r1_and_r2"], at_real + at_fake)
    torch.testing.assert_close(
        got["gradient_penalty"], gradient_penalty(bowl, real, fake, generator=seeded())
    )
    torch.testing.assert_close(
        got["one_sided"], gradient_penalty(bowl, real, fake, one_sided=True, generator=seeded())
    )
    assert got["one_sided"] < got["gradient_penalty"]


@pytest.mark.parametrize("name", PENALTIES)
def test_no_gradient_goes_into_the_examples(name):
    real, fake = points().requires_grad_(), points(seed=1).requires_grad_()
    critic = mlp([3, 8, 1], activation=nn.Tanh).double()
    nn.init.normal_(
        critic[2].weight, std=20.0
    )  # steep, so that the one-sided penalty has something to punish
    Penalty(name).bound(seeded())(critic, real, fake).backward()
    assert real.grad is None
    assert fake.grad is None
    assert critic[0].weight.grad.abs().sum() > 0


@pytest.mark.parametrize("name", PENALTIES)
def test_the_gradient_into_the_weights_by_finite_differences(name):
    critic = mlp([3, 5, 1], activation=nn.Tanh).double()
    names, weights = zip(*critic.named_parameters(), strict=True)
    real, fake = points(6), points(6, seed=1)

    def penalty(*values):
        def discriminator(x):  # steep, so that the one-sided penalty has something to punish
            return 20 * functional_call(critic, dict(zip(names, values, strict=True)), (x,))

        return Penalty(name).bound(seeded())(discriminator, real, fake)

    assert float(penalty(*weights).detach()) > 0.01
    assert torch.autograd.gradcheck(penalty, tuple(weight.detach().requires_grad_() for weight in weights))


def test_shapes_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"real and fake must have one shape.*got \(4, 3\) and \(5, 3\)"):
        gradient_penalty(linear(1.0, 1.0, 1.0), points(4), points(5))
    with pytest.raises(ValueError, match=r"must give one number per example, got \(4, 2\) for 4 examples"):
        r1_penalty(nn.Linear(3, 2).double(), points(4))
    with pytest.raises(ValueError, match=r"penalty must be one of 'gradient_penalty'.*got 'r3'"):
        Penalty("r3").bound(None)


# The weight of a penalty


def test_lazy_penalties_make_up_for_the_steps_that_they_leave_out():
    lazy = Penalty("r1", 0.5, every=4)
    assert [lazy.at(step, 100) for step in range(9)] == [2, 0, 0, 0, 2, 0, 0, 0, 2]
    assert sum(lazy.at(step, 100) for step in range(100)) == 50
    assert Penalty("r1").at(7, 100) == 1
    fading = Penalty("r1", lambda done: 1 - done, every=2)
    assert [fading.at(step, 10) for step in (0, 1, 2, 8)] == pytest.approx([2, 0, 1.6, 0.4])


def test_a_function_of_ones_own_is_a_penalty():
    own = Penalty(lambda discriminator, real, fake: discriminator(real).square().mean())
    torch.testing.assert_close(own.bound(None)(lambda x: x + 1, torch.zeros(3), None), torch.tensor(1.0))


# Bounds on the weights


def test_clipped_weights():
    critic = mlp([3, 5, 1])
    before = [weight.detach().clone() for weight in critic.parameters()]
    clip_weights(critic, 0.2)
    for weight, old in zip(critic.parameters(), before, strict=True):
        assert torch.equal(weight.detach(), old.clip(-0.2, 0.2))
        assert weight.requires_grad
    assert any((old.abs() > 0.2).any() for old in before)
    clip_weights(critic)
    assert max(weight.abs().max().item() for weight in critic.parameters()) <= 0.01
    with pytest.raises(ValueError, match=r"limit must be greater than 0, got -1"):
        clip_weights(critic, -1)


def test_spectral_norm_divides_by_the_largest_singular_value():
    plain = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(64, 5), nn.Linear(5, 1)
    ).double()
    layers = [layer for layer in plain if hasattr(layer, "weight")]
    before = [layer.weight.detach().clone() for layer in layers]
    assert spectrally_normalized(plain) is plain
    x = torch.randn(3, 2, 4, 4, dtype=torch.float64)
    for _ in range(100):  # power iteration: the error falls with the ratio of the first two singular values
        plain(x)
    plain.eval()
    for layer, old in zip(layers, before, strict=True):
        largest = torch.linalg.svdvals(old.flatten(1))[0]
        torch.testing.assert_close(layer.weight.detach(), old / largest, atol=1e-6, rtol=1e-6)
    with pytest.raises(ValueError, match=r"nn.Linear or nn.Conv2d, got none"):
        spectrally_normalized(stack_models([mlp([3, 1]), mlp([3, 1])]))


# Whole packs and batches


def test_a_pack_is_its_rows_side_by_side():
    network = mlp([6, 5, 1]).double()
    packed = Packed(network, 2)
    x = points(8)
    by_hand = torch.stack([network(torch.cat([x[i], x[i + 1]])) for i in range(0, 8, 2)])
    torch.testing.assert_close(packed(x), by_hand)
    assert packed(x).shape == (4, 1)
    torch.testing.assert_close(Packed(mlp_of_3 := mlp([3, 1]).double(), 1)(x), mlp_of_3(x))
    with pytest.raises(ValueError, match=r"whole packs of 2 examples, got \(7, 3\)"):
        packed(x[:7])
    with pytest.raises(ValueError, match=r"size must be at least 1, got 0"):
        Packed(network, 0)


def test_a_pack_of_images_is_their_channels_one_after_the_other():
    network = nn.Sequential(nn.Conv2d(6, 2, 3), nn.Flatten(), nn.Linear(8, 1))
    x = torch.randn(4, 3, 4, 4)
    by_hand = torch.cat([network(torch.cat([x[i], x[i + 1]])[None]) for i in (0, 2)])
    torch.testing.assert_close(Packed(network, 2)(x), by_hand)


def test_packs_can_be_stacked():
    models = [Packed(mlp([6, 5, 1]).double(), 2) for _ in range(3)]
    x = torch.randn(3, 8, 3, dtype=torch.float64)
    alone = torch.cat([model(block) for model, block in zip(models, x, strict=True)])
    torch.testing.assert_close(stack_models(models)(x.flatten(0, 1)), alone)


def by_double_loop(layer, x):
    rows = (x @ layer.project.weight.T).reshape(len(x), layer.n_kernels, -1)
    extra = torch.zeros(len(x), layer.n_kernels, dtype=x.dtype)
    for i in range(len(x)):
        for j in range(len(x)):
            if i != j:
                extra[i] += torch.exp(-(rows[i] - rows[j]).abs().sum(1))
    return torch.cat([x, extra], dim=1)


def test_minibatch_discrimination_is_its_double_sum():
    layer = MinibatchDiscrimination(3, n_kernels=4, kernel_dim=2).double()
    x = points(6)
    torch.testing.assert_close(layer(x), by_double_loop(layer, x))
    assert torch.equal(layer(x[:1])[:, 3:], torch.zeros(1, 4).double()), "alone: nothing is close"
    same = layer(x[:1].expand(6, -1))
    torch.testing.assert_close(same[:, 3:], torch.full((6, 4), 5.0).double(), msg="collapsed: all 5 others")


def test_groups_of_a_batch_do_not_see_each_other():
    layer = MinibatchDiscrimination(3, n_kernels=4, kernel_dim=2, group_size=3).double()
    x = points(6)
    torch.testing.assert_close(layer(x), torch.cat([by_double_loop(layer, part) for part in x.split(3)]))
    with pytest.raises(ValueError, match=r"whole groups of 3 examples, got 7 rows"):
        layer(points(7))
    with pytest.raises(ValueError, match=r"group_size must be at least 1, got 0"):
        MinibatchDiscrimination(3, group_size=0)


@pytest.mark.parametrize("group_size", [None, 4, 8])
def test_models_of_a_stack_do_not_see_each_others_batches(group_size):
    models = [
        nn.Sequential(
            nn.Linear(3, 5),
            MinibatchDiscrimination(5, n_kernels=4, kernel_dim=2, group_size=group_size),
            nn.Linear(9, 1),
        ).double()
        for _ in range(3)
    ]
    x = torch.randn(3, 8, 3, dtype=torch.float64)
    alone = torch.cat([model(block) for model, block in zip(models, x, strict=True)])
    torch.testing.assert_close(stack_models(models)(x.flatten(0, 1)), alone)


def test_groups_must_not_straddle_the_models_of_a_stack():
    stack = stack_models([MinibatchDiscrimination(3, group_size=6), MinibatchDiscrimination(3, group_size=6)])
    with pytest.raises(ValueError, match=r"whole groups of 6 examples, got 9 rows"):
        stack(torch.randn(18, 3))
