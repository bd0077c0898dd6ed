"""Players that are told a condition: it reaches what they give, each step stays on its side, and it is learned."""

import copy

import pytest
import torch
from torch import nn

from course_utils import training
from course_utils.conditions import BagOfWords, Embedding, OneHot, WordGRU
from course_utils.gan import (
    LOSSES,
    ConcatDiscriminator,
    ConditionalGenerator,
    Penalty,
    ProjectionDiscriminator,
    conv_discriminator,
    discriminator_step,
    fit_gan,
    generator_step,
    pixelshuffle_generator,
    r1_penalty,
)
from course_utils.networks import mlp


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


REAL = 2 + torch.randn(12, 2, generator=seeded(7), dtype=torch.float64)
LABELS = torch.arange(12) % 3
ATTRIBUTES = torch.stack([LABELS, torch.arange(12) // 2 % 2], 1)  # (12, 2)


def players(kind="concat", n_values=(3,)):
    """(generator, discriminator) of points (n, 2) in float64, three labels; each with a gradient left over."""
    one_hot = OneHot(n_values)
    generator = ConditionalGenerator(mlp([2 + one_hot.dim, 6, 2], activation=nn.Tanh), 2, one_hot)
    discriminator = {
        "concat": lambda: ConcatDiscriminator(mlp([2 + one_hot.dim, 6, 1], activation=nn.Tanh), one_hot),
        "embedding": lambda: ConcatDiscriminator(
            mlp([2 + 4, 6, 1], activation=nn.Tanh), Embedding(n_values, 4)
        ),
        "projection": lambda: ProjectionDiscriminator(mlp([2, 6, 5], activation=nn.Tanh), 5, one_hot),
    }[kind]()
    for player in (generator, discriminator):
        player.double()
        for weight in player.parameters():
            weight.grad = torch.randn_like(weight)
    return generator, discriminator


KINDS = ("concat", "embedding", "projection")


def everything(player):
    return [part.detach().clone() for weight in player.parameters() for part in (weight, weight.grad)]


def same(before, after):
    return all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


# What a condition reaches


@pytest.mark.parametrize("condition", [OneHot((3,)), Embedding((3,), 4)])
def test_the_generators_output_depends_on_the_condition(condition):
    generator = ConditionalGenerator(mlp([2 + condition.dim, 6, 2]), 2, condition)
    z = torch.randn(1, 2)
    numbers = condition(torch.tensor([1])).detach()
    derivative = torch.func.jacrev(lambda n: generator.from_numbers(z, n))(numbers)
    assert derivative.abs().min() > 0
    made = [generator(z, torch.tensor([label])) for label in range(3)]
    assert not torch.allclose(made[0], made[1])
    assert not torch.allclose(made[1], made[2])
    torch.testing.assert_close(made[1], generator.network(torch.cat([z, numbers], 1)))


@pytest.mark.parametrize("kind", KINDS)
def test_the_logit_depends_on_the_condition_and_rows_do_not_mix(kind):
    _, discriminator = players(kind)
    logits = discriminator(REAL, LABELS)
    assert logits.shape == (12, 1)
    for x, label, logit in zip(REAL, LABELS, logits, strict=True):
        torch.testing.assert_close(discriminator(x[None], label[None])[0], logit)
        others = discriminator(x.expand(3, 2), torch.arange(3))
        assert len(others.unique()) == 3


def joined_by_hand(player, x, numbers):
    return player.network(torch.cat([x, numbers], 1))


def projected_by_hand(player, x, numbers):
    features = player.features(x)
    return player.output(features) + ((numbers @ player.projection.weight.T) * features).sum(1, keepdim=True)


@pytest.mark.parametrize(
    ("player", "by_hand"),
    [
        (lambda condition: ConditionalGenerator(mlp([2 + 4, 6, 2]), 2, condition), joined_by_hand),
        (lambda condition: ConcatDiscriminator(mlp([2 + 4, 6, 1]), condition), joined_by_hand),
        (lambda condition: ProjectionDiscriminator(mlp([2, 6, 5]), 5, condition), projected_by_hand),
    ],
)
def test_a_learned_condition_is_read_as_it_is_and_learns_with_its_player(player, by_hand):
    condition = Embedding((3,), 4)
    player = player(condition).double()
    table = condition.tables[0].weight
    found, expected = player(REAL, LABELS), by_hand(player, REAL, table[LABELS])
    torch.testing.assert_close(found, expected)
    gradients = [torch.autograd.grad(value.square().sum(), table)[0] for value in (found, expected)]
    assert gradients[1].abs().min() > 0
    torch.testing.assert_close(*gradients)


def test_in_an_image_the_condition_is_further_channels_that_are_the_same_everywhere():
    seen = []
    network = nn.Sequential(nn.Flatten(), nn.LazyLinear(1))
    network.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    discriminator = ConcatDiscriminator(network, OneHot((3,)))
    for images in (torch.rand(4, 8, 8), torch.rand(4, 1, 8, 8)):
        assert discriminator(images, LABELS[:4]).shape == (4, 1)
        assert seen[-1].shape == (4, 4, 8, 8)
        torch.testing.assert_close(seen[-1][:, 0], images.reshape(4, 8, 8))
        maps = seen[-1][:, 1:]
        assert torch.equal(maps, OneHot((3,))(LABELS[:4])[:, :, None, None].expand(4, 3, 8, 8))


def test_the_projection_is_the_inner_product_of_the_paper():
    _, discriminator = players("projection")
    features = discriminator.features(REAL)
    classes = discriminator.projection.weight.T  # (3, n_features): with one-hot labels, a vector per class
    expected = discriminator.output(features)[:, 0] + (classes[LABELS] * features).sum(1)
    torch.testing.assert_close(discriminator(REAL, LABELS)[:, 0], expected)


@pytest.mark.parametrize("condition", [OneHot((2, 3)), WordGRU(9, 4), BagOfWords(9, 4)])
def test_images_of_attributes_and_of_captions_fit_together(condition):
    generator = ConditionalGenerator(
        pixelshuffle_generator((3, 8, 8), 5 + condition.dim, width=4).network, 5, condition
    )
    discriminator = ProjectionDiscriminator(
        conv_discriminator((3, 8, 8), width=4, n_outputs=6), 6, copy.deepcopy(condition)
    )
    conditions = (
        torch.tensor([[1, 2], [0, 1], [1, 0]]) if condition.dim == 5 else torch.tensor([[1, 2], [8, 0]])
    )
    images = generator.sample(conditions, generator=seeded())
    assert images.shape == (len(conditions), 3, 8, 8)
    assert discriminator(images, conditions).shape == (len(conditions), 1)


# One step


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mismatched", [False, True])
def test_the_discriminators_step_is_gradient_descent_on_its_loss(kind, mismatched):
    generator, discriminator = players(kind)
    expected, untouched = copy.deepcopy(discriminator), everything(generator)
    fake = generator(torch.randn(12, 2, generator=seeded(), dtype=torch.float64), LABELS).detach()
    wrong = LABELS.roll(1)
    wrong[0] = LABELS[0]  # a pair that happens to be right is no fake
    fakes = [expected(fake, LABELS)] + ([expected(REAL[1:], wrong[1:])] if mismatched else [])
    loss = LOSSES["hinge"].discriminator(expected(REAL, LABELS), torch.cat(fakes))
    penalty = r1_penalty(lambda x: expected(x, LABELS), REAL)
    gradients = torch.autograd.grad(loss + 3 * penalty, list(expected.parameters()), allow_unused=True)
    value = discriminator_step(
        discriminator,
        generator,
        torch.optim.SGD(discriminator.parameters(), lr=0.1),
        REAL,
        loss=LOSSES["hinge"],
        conditions=LABELS,
        mismatched=wrong if mismatched else None,
        penalty=lambda d, real, fake: 3 * r1_penalty(d, real),
        generator=seeded(),
    )
    torch.testing.assert_close(value, loss.detach())
    assert same(untouched, everything(generator)), "neither weights nor gradients of the generator"
    for weight, old, gradient in zip(
        discriminator.parameters(), expected.parameters(), gradients, strict=True
    ):
        torch.testing.assert_close(weight, old - 0.1 * (0 if gradient is None else gradient))


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_of_attributes_is_wrong_if_one_of_them_is(kind):
    generator, discriminator = players(kind, (3, 2))
    wrong = ATTRIBUTES.clone()
    wrong[1, 0], wrong[4, 1] = 2, 1  # one attribute of two rows differs
    wrong[7] = torch.tensor([0, 0])  # and both of a third
    differs = [1, 4, 7]
    fake = generator(torch.randn(12, 2, generator=seeded(), dtype=torch.float64), ATTRIBUTES)
    fakes = [discriminator(fake, ATTRIBUTES), discriminator(REAL[differs], wrong[differs])]
    expected = LOSSES["hinge"].discriminator(discriminator(REAL, ATTRIBUTES), torch.cat(fakes))
    value = discriminator_step(
        discriminator,
        generator,
        torch.optim.SGD(discriminator.parameters(), lr=0.1),
        REAL,
        loss=LOSSES["hinge"],
        conditions=ATTRIBUTES,
        mismatched=wrong,
        generator=seeded(),
    )
    torch.testing.assert_close(value, expected.detach())


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_pairs_that_are_all_right_change_nothing(kind):
    generator, discriminator = players(kind)
    told = [copy.deepcopy(discriminator) for _ in range(2)]
    values = [
        discriminator_step(
            player,
            generator,
            torch.optim.SGD(player.parameters(), lr=0.1),
            REAL,
            conditions=LABELS,
            mismatched=mismatched,
            generator=seeded(),
        )
        for player, mismatched in zip(told, (None, LABELS.clone()), strict=True)
    ]
    torch.testing.assert_close(*values)
    for weight, other in zip(*(player.parameters() for player in told), strict=True):
        torch.testing.assert_close(weight, other)
    assert not same(told[0].parameters(), discriminator.parameters())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["non_saturating", "relativistic"])
def test_the_generators_step_is_gradient_descent_on_its_loss(kind, name):
    generator, discriminator = players(kind)
    expected, untouched = copy.deepcopy(generator), everything(discriminator)
    fake = expected(torch.randn(12, 2, generator=seeded(), dtype=torch.float64), LABELS)
    logits = [discriminator(fake, LABELS)]
    if LOSSES[name].paired:
        logits.insert(0, discriminator(REAL, LABELS))
    gradients = torch.autograd.grad(LOSSES[name].generator(*logits), list(expected.parameters()))
    generator_step(
        discriminator,
        generator,
        torch.optim.SGD(generator.parameters(), lr=0.1),
        REAL,
        loss=LOSSES[name],
        conditions=LABELS,
        generator=seeded(),
    )
    assert same(untouched, everything(discriminator)), "neither weights nor gradients of the discriminator"
    for weight, old, gradient in zip(generator.parameters(), expected.parameters(), gradients, strict=True):
        torch.testing.assert_close(weight, old - 0.1 * gradient)


# The training


@pytest.mark.parametrize("mismatched", [False, True])
@pytest.mark.parametrize(("conditions", "n_values"), [(LABELS, (3,)), (ATTRIBUTES, (3, 2))])
def test_the_training_is_the_loop_by_hand(mismatched, conditions, n_values):
    real = REAL.float()
    trained = [player.float() for player in players(n_values=n_values)]
    fit_gan(
        *trained,
        real,
        conditions=conditions,
        mismatched=mismatched,
        n_steps=5,
        batch_size=4,
        learning_rate=1e-2,
        betas=(0.1, 0.9),
        penalties=[Penalty("r1", 0.5)],
        generator=seeded(),
    )
    torch.manual_seed(0)
    g, d = (player.float() for player in players(n_values=n_values))
    optimizers = [torch.optim.Adam(p.parameters(), lr=1e-2, betas=(0.1, 0.9), fused=True) for p in (g, d)]
    random = seeded()
    batches = training.batches((real, conditions), 4, generator=random)
    for _ in range(5):
        x, c = next(batches)
        discriminator_step(
            d,
            g,
            optimizers[1],
            x,
            conditions=c,
            mismatched=c.roll(1, 0) if mismatched else None,
            penalty=lambda told, real, fake: 0.5 * 0.5 * r1_penalty(told, real),  # the paper's ½
            generator=random,
        )
        x, c = next(batches)
        generator_step(d, g, optimizers[0], x, conditions=c, generator=random)
    for player, expected in zip(trained, (g, d), strict=True):
        assert same(list(player.parameters()), list(expected.parameters()))


def test_a_checkpoint_goes_on_bit_for_bit(tmp_path):
    def train(n_steps, checkpoint=None):
        torch.manual_seed(0)
        both = [player.float() for player in players()]
        settings = {"batch_size": 4, "mismatched": True, "generator": seeded(), "average": 0.9}
        fit_gan(*both, REAL.float(), conditions=LABELS, n_steps=n_steps, checkpoint=checkpoint, **settings)
        return [weight for player in both for weight in player.parameters()]

    train(4, tmp_path / "gan.pt")
    assert same(train(9, tmp_path / "gan.pt"), train(9))


def test_each_label_gets_its_own_points():
    """Three labels, three means; the spread of a mean over 600 samples is 0.2/√600 = 0.008."""
    means = torch.tensor([[1.0, 0.0], [-1.0, 0.5], [0.0, -1.0]])
    labels = torch.randint(3, (2_000,), generator=seeded(1))
    real = means[labels] + 0.2 * torch.randn(2_000, 2, generator=seeded(2))
    torch.manual_seed(0)
    generator = ConditionalGenerator(mlp([2 + 3, 32, 2]), 2, OneHot((3,)))
    discriminator = ProjectionDiscriminator(mlp([2, 32, 16]), 16, OneHot((3,)))
    settings = {"n_steps": 800, "batch_size": 64, "learning_rate": 3e-3, "generator": seeded(3)}
    fit_gan(generator, discriminator, real, conditions=labels, penalties=[Penalty("r1", 0.5)], **settings)
    for label in range(3):
        made = generator.sample(torch.full((600,), label), generator=seeded(4))
        # What is trained is not exact: a quarter of the data's spread, thirty times that of the mean.
        assert (made.mean(0) - means[label]).norm() < 0.25, label
        assert 0.5 < made.std(0).mean() / 0.2 < 2, label


# Errors


def test_samples_are_made_in_evaluation_mode_and_leave_the_mode_as_it_was():
    generator = ConditionalGenerator(
        pixelshuffle_generator((8, 8), 5 + 3, width=4).network, 5, OneHot((3,))
    ).train()
    before = [buffer.clone() for buffer in generator.buffers()]
    labels = torch.arange(3).repeat(100)
    made = generator.sample(labels, generator=seeded())
    assert generator.training
    assert not made.requires_grad
    assert same(before, list(generator.buffers()))
    z = generator.draw_z(300, generator=seeded())
    torch.testing.assert_close(made, generator.eval()(z, labels))
    generator.sample(labels, generator=seeded())
    assert not generator.training


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"mismatched": True}, "mismatched=True needs conditions"),
        ({"conditions": LABELS, "n_unrolled": 2}, "n_unrolled must be 0 with conditions"),
        ({"conditions": LABELS, "mismatched": True, "loss": "relativistic"}, "a paired loss compares"),
        ({"conditions": LABELS[:5]}, "equal lengths, got 12, 5"),
    ],
)
def test_settings_that_do_not_go_together_are_named(settings, words):
    generator, discriminator = (player.float() for player in players())
    with pytest.raises(ValueError, match=words):
        fit_gan(generator, discriminator, REAL.float(), n_steps=2, batch_size=4, **settings)


def test_what_does_not_fit_is_named():
    generator, discriminator = players()
    with pytest.raises(
        TypeError, match=r"a module of course_utils.conditions, got int; OneHot\(\(10,\)\) is one"
    ):
        ConditionalGenerator(mlp([5, 2]), 2, 3)
    with pytest.raises(ValueError, match="conditions must have one row per row of z, got 12 for 3"):
        generator(torch.zeros(3, 2).double(), LABELS)
    with pytest.raises(ValueError, match="conditions must have one row per row of x, got 12 for 3"):
        discriminator(REAL[:3], LABELS)
    with pytest.raises(ValueError, match=r"z must have shape \(batch, 2\), got \(12, 3\)"):
        generator(torch.zeros(12, 3).double(), LABELS)
    sgd = torch.optim.SGD(discriminator.parameters(), lr=0.1)
    with pytest.raises(
        ValueError, match=r"mismatched must have the shape of conditions, \(12,\), got \(3,\)"
    ):
        discriminator_step(discriminator, generator, sgd, REAL, conditions=LABELS, mismatched=LABELS[:3])
