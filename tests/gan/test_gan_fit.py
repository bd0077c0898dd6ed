"""The training: the loop by hand, settings that do what they say, nothing lost, a known distribution learned."""

import copy
import itertools
import math
from functools import partial

import pytest
import torch
from torch import nn

from course_utils import training
from course_utils.gan import (
    LOSSES,
    LatentGenerator,
    Loss,
    Penalty,
    clip_weights,
    discriminator_step,
    fit_gan,
    generator_step,
    gradient_penalty,
    r1_penalty,
    unrolled,
)
from course_utils.networks import mlp, stack_models, unstack_models


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


REAL = torch.tensor([1.0, -0.5]) + 0.3 * torch.randn(200, 2, generator=seeded(7))


def players(seed=0, dtype=torch.float32):
    torch.manual_seed(seed)
    generator = LatentGenerator(mlp([2, 6, 2], activation=nn.Tanh), 2)
    return generator.to(dtype), mlp([2, 6, 1], activation=nn.Tanh).to(dtype)


def trained(seed=0, make=players, **settings):
    """(generator, discriminator, history) of a short training."""
    generator, discriminator = make()
    settings = {"n_steps": 20, "batch_size": 16, "learning_rate": 1e-2, "generator": seeded(seed)} | settings
    return generator, discriminator, fit_gan(generator, discriminator, REAL, **settings)


def weights(*modules):
    return [weight.detach().clone() for module in modules for weight in module.parameters()]


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


# The loop


def test_the_training_is_the_loop_by_hand():
    settings = {"n_critic": 2, "n_generator": 2, "clip": 0.4, "n_unrolled": 2}
    penalties = [Penalty("gradient_penalty", 3.0, every=2), Penalty("r1", lambda done: 1 - done)]
    generator, discriminator, history = trained(
        loss="hinge",
        penalties=penalties,
        discriminator_learning_rate=2e-2,
        betas=(0.1, 0.9),
        decay_from=0.6,
        record_every=1,
        **settings,
    )
    g, d = players()
    optimizers = [
        torch.optim.Adam(player.parameters(), lr=rate, betas=(0.1, 0.9), fused=True)
        for player, rate in ((g, 1e-2), (d, 2e-2))
    ]
    random = seeded()
    batches = training.batches(REAL, 16, generator=random)
    loss = LOSSES["hinge"]
    for step in range(20):
        left = 1.0 if step < 12 else (20 - step) / 8
        for optimizer, rate in zip(optimizers, (1e-2, 2e-2), strict=True):
            optimizer.param_groups[0]["lr"] = rate * left

        def penalty(d, real, fake, step=step):
            lazy = 0 if step % 2 else 2 * 3.0 * gradient_penalty(d, real, fake, generator=random)
            return lazy + (1 - step / 20) * 0.5 * r1_penalty(d, real)

        for _ in range(2):
            critic_loss = discriminator_step(
                d, g, optimizers[1], next(batches), loss=loss, penalty=penalty, generator=random
            )
            clip_weights(d, 0.4)
        for _ in range(2):
            unroll = partial(unrolled, d, optimizers[1], n_steps=2, loss=loss)
            own_loss = generator_step(
                d, g, optimizers[0], next(batches), loss=loss, unroll=unroll, generator=random
            )
        assert history["discriminator_loss"][step] == pytest.approx(float(critic_loss), rel=1e-5, abs=1e-6)
        assert history["generator_loss"][step] == pytest.approx(float(own_loss), rel=1e-5, abs=1e-6)
    for a, b in zip(weights(generator, discriminator), weights(g, d), strict=True):
        torch.testing.assert_close(a, b)
    assert max(weight.abs().max() for weight in weights(discriminator)) == pytest.approx(0.4)


def test_the_same_seed_gives_the_same_training():
    settings = {"penalties": [Penalty("gradient_penalty", 10)], "loss": "wasserstein", "record_every": 1}
    first, again, other = (trained(seed, **settings) for seed in (0, 0, 1))
    assert same(weights(*first[:2]), weights(*again[:2]))
    assert first[2]["discriminator_loss"] == again[2]["discriminator_loss"]
    assert not same(weights(*first[:2]), weights(*other[:2]))


def test_everything_random_comes_from_the_generator():
    before = torch.get_rng_state()
    generator, discriminator = players()
    state = torch.get_rng_state()
    fit_gan(
        generator,
        discriminator,
        REAL,
        n_steps=3,
        penalties=[Penalty("gradient_penalty")],
        n_unrolled=1,
        average=0.9,
        generator=seeded(),
    )
    assert torch.equal(torch.get_rng_state(), state)
    torch.set_rng_state(before)


@pytest.mark.parametrize("from_global", [False, True], ids=["generator", "global"])
def test_a_resumed_training_equals_an_uninterrupted_one(tmp_path, from_global):
    class Halt(Exception):
        pass

    def run(stop_after, checkpoint):
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(2, 6, bias=False), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 2))
        generator, discriminator = LatentGenerator(network, 2), mlp([2, 6, 1])
        calls = []

        def measure(network):
            calls.append(network)
            if len(calls) == stop_after:
                raise Halt
            return {"calls": 1.0}

        try:
            history = fit_gan(
                generator,
                discriminator,
                REAL,
                n_steps=40,
                batch_size=16,
                n_critic=2,
                penalties=[Penalty("gradient_penalty", every=4)],
                decay_from=0.5,
                average=0.9,
                n_unrolled=1,
                generator=None if from_global else seeded(),
                checkpoint=checkpoint,
                checkpoint_every=7,
                measure=measure,
                measure_every=1,
                record_every=1,
            )
        except Halt:
            return None
        state = [*generator.state_dict().values(), *discriminator.state_dict().values()]
        return [*state, *(torch.tensor(history[name]) for name in history)]

    whole = run(None, tmp_path / "a.pt")
    assert run(25, tmp_path / "b.pt") is None
    resumed = run(None, tmp_path / "b.pt")
    assert len(whole[-1]) == 40
    assert same(whole, resumed)
    done = run(None, tmp_path / "b.pt")
    assert same(whole, done), "a training that was over: the averaged weights come back"


def test_a_checkpoint_of_other_players_is_refused(tmp_path):
    trained(checkpoint=tmp_path / "a.pt")

    def wider():
        return LatentGenerator(mlp([2, 9, 2]), 2), mlp([2, 9, 1])

    with pytest.raises(training.CheckpointError, match=r"damaged or of another training"):
        trained(make=wider, checkpoint=tmp_path / "a.pt")


# Settings


def test_a_player_without_steps_is_frozen():
    start = players()
    generator, discriminator, history = trained(n_critic=0, record_every=1)
    assert same(weights(discriminator), weights(start[1]))
    assert not same(weights(generator), weights(start[0]))
    assert history.names == ["generator_loss"]
    generator, discriminator, history = trained(n_generator=0, record_every=1)
    assert same(weights(generator), weights(start[0]))
    assert not same(weights(discriminator), weights(start[1]))
    assert history.names == ["discriminator_loss"]


def test_the_order_of_the_steps(monkeypatch):
    order, batches = [], []
    for letter, function in (("d", discriminator_step), ("g", generator_step)):

        def step(*args, letter=letter, function=function, **settings):
            order.append(letter)
            batches.append(args[3])
            return function(*args, **settings)

        monkeypatch.setattr(f"course_utils.gan.fit.{function.__name__}", step)
    trained(n_steps=2, n_critic=3, n_generator=2)
    assert "".join(order) == "dddggdddgg"
    assert all(len(batch) == 16 for batch in batches)
    assert len({float(batch.sum()) for batch in batches}) == 10, "each step has a mini-batch of its own"


def moves(**settings):
    """The largest change of a weight in each round, of the generator and of the discriminator.

    With both decays at 0, Adam's step is the learning rate times the gradient's sign.
    """
    path = []
    generator, discriminator = players()
    fit_gan(
        generator,
        discriminator,
        REAL,
        n_steps=10,
        batch_size=16,
        betas=(0.0, 0.0),
        generator=seeded(),
        measure=lambda network: path.append((weights(network), weights(discriminator))) or {},
        measure_every=1,
        **settings,
    )
    path.insert(0, tuple(weights(player) for player in players()))
    return [
        [
            max(float((a - b).abs().max()) for a, b in zip(after[i], before[i], strict=True))
            for before, after in itertools.pairwise(path)
        ]
        for i in range(2)
    ]


def test_the_learning_rates():
    for own, other in zip(*moves(learning_rate=1e-2, discriminator_learning_rate=2e-3), strict=True):
        assert own == pytest.approx(1e-2, rel=1e-3)
        assert other == pytest.approx(2e-3, rel=1e-3)
    assert moves(learning_rate=1e-2)[1] == pytest.approx([1e-2] * 10, rel=1e-3)
    line = [1, 1, 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2]
    for player in moves(learning_rate=1e-2, decay_from=0.5):
        assert player == pytest.approx([1e-2 * share for share in line], rel=1e-3)
    assert moves(learning_rate=1e-2, decay_from=0.0)[0] == pytest.approx(
        [1e-2 * (1 - step / 10) for step in range(10)], rel=1e-3
    )


def test_clipping_holds_the_weights_of_the_critic():
    _, discriminator, _ = trained(clip=0.05, loss="wasserstein")
    largest = max(float(weight.abs().max()) for weight in weights(discriminator))
    assert largest == pytest.approx(0.05)
    _, discriminator, _ = trained(loss="wasserstein")
    assert max(float(weight.abs().max()) for weight in weights(discriminator)) > 0.1


def test_lazy_penalties_are_left_out_of_the_steps_between():
    calls = []

    def penalty(discriminator, real, fake):
        calls.append((real, fake))
        return discriminator[0].weight.square().sum()

    trained(penalties=[Penalty(penalty, every=4)], n_critic=2)
    assert len(calls) == 2 * 5
    assert all(real.shape == fake.shape == (16, 2) for real, fake in calls)
    calls.clear()
    trained(penalties=[Penalty(penalty, 0.0)])
    assert not calls


def test_penalties_are_weighted_and_added():
    def square(discriminator, real, fake):
        return discriminator[0].weight.square().sum()

    def slope(discriminator, real, fake):
        return r1_penalty(discriminator, real)

    two = trained(penalties=[Penalty(square, 2.0), Penalty(slope, 0.5)])
    one = trained(penalties=[Penalty(lambda *given: 2.0 * square(*given) + 0.5 * slope(*given))])
    none = trained()
    assert same(weights(*two[:2]), weights(*one[:2]))
    assert not same(weights(*two[:2]), weights(*none[:2]))


def test_the_generator_ends_with_the_averaged_weights_which_are_measured():
    measured = []

    def measure(network):
        measured.append(weights(network))
        return {"moved": 1.0}

    settings = {"measure": measure, "measure_every": 1}
    averaged, discriminator, _ = trained(average=0.8, **settings)
    of_average, measured = measured, []
    plain, other, _ = trained(**settings)
    assert same(weights(discriminator), weights(other)), "the average takes no part in the game"
    assert same(weights(averaged), of_average[-1])
    assert same(weights(plain), measured[-1])
    expected = weights(players()[0])
    for step, now in enumerate(measured):
        decay = min(0.8, (1 + step) / (10 + step))
        expected = [decay * old + (1 - decay) * new for old, new in zip(expected, now, strict=True)]
        torch.testing.assert_close(of_average[step], expected)


def test_measuring_changes_nothing():
    def make():
        torch.manual_seed(0)
        return LatentGenerator(nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)), 2), mlp(
            [2, 1]
        )

    def measure(network):
        assert not network.training
        assert not torch.is_grad_enabled()
        return {"mean": network.sample(50, generator=seeded()).mean()}

    quiet, _, _ = trained(make=make)
    watched, _, history = trained(make=make, measure=measure, measure_every=8)
    assert watched.training
    assert same(quiet.state_dict().values(), watched.state_dict().values())
    assert history.steps("mean") == [7, 15, 19], "after the last round in any case"


def test_what_is_recorded():
    history = trained(record_every=6)[2]
    every = trained(record_every=1)[2]
    assert history.steps("generator_loss") == history.steps("discriminator_loss") == [5, 11, 17]
    assert history["generator_loss"] == every["generator_loss"][5::6]
    penalised = trained(n_steps=1, record_every=1, penalties=[Penalty(lambda *_: torch.tensor(5.0))])[2]
    assert penalised["discriminator_loss"] == every["discriminator_loss"][:1], "without penalties"


@pytest.mark.parametrize("who", ["discriminator", "generator"])
def test_nan_stops_the_training(who):
    good = LOSSES["wasserstein"]
    loss = good._replace(**{who: lambda *scores: getattr(good, who)(*scores) * math.nan})
    with pytest.raises(FloatingPointError, match=rf"GAN: .*{who}_loss.* became NaN in step 0"):
        trained(loss=loss, record_every=1)


# Several at once


@pytest.mark.parametrize("loss", ["non_saturating", "relativistic"])
def test_a_stack_trains_each_pair_as_if_alone(loss, monkeypatch):
    """Gradients are a third of those alone, which Adam sees by its eps = 1e-8 only: by 2e-8/|gradient|."""

    class Recording(LatentGenerator):
        def draw_z(self, n_samples, *, generator=None):
            drawn.append(super().draw_z(n_samples, generator=generator))
            return drawn[-1]

    class Replaying(LatentGenerator):
        def draw_z(self, n_samples, *, generator=None):
            return next(self.replayed)

    def recorded(real, size, *, generator):
        for batch in original(real, size, generator=generator):
            batches.append(batch)
            yield batch

    drawn, batches, original = [], [], training.batches
    real = REAL.double()
    settings = {
        "n_steps": 30,
        "batch_size": 48,
        "loss": loss,
        "learning_rate": 1e-2,
        "penalties": [Penalty("r1_and_r2", 0.1, every=2)],
        "average": 0.9,
        "decay_from": 0.5,
    }
    alone = [players(seed, torch.float64) for seed in range(3)]
    start = [weights(*pair) for pair in alone]
    networks, discriminators = ([pair[i] for pair in alone] for i in range(2))
    generator = Recording(stack_models([network.network for network in networks]), 2)
    discriminator = stack_models(discriminators)
    monkeypatch.setattr(training, "batches", recorded)
    fit_gan(generator, discriminator, real, generator=seeded(), **settings)
    together = zip(unstack_models(generator.network), unstack_models(discriminator), strict=True)
    for number, (pair, stacked) in enumerate(zip(alone, together, strict=True)):
        own = [batch.chunk(3)[number] for batch in batches]
        monkeypatch.setattr(training, "batches", lambda *_, own=own, **__: iter(own))
        player = Replaying(pair[0].network, 2)
        player.replayed = iter([z.chunk(3)[number] for z in drawn])
        fit_gan(player, pair[1], real, generator=seeded(), **(settings | {"batch_size": 16}))
        for a, b in zip(weights(*pair), weights(*stacked), strict=True):
            torch.testing.assert_close(a, b, atol=1e-4, rtol=0)
        moved = zip(start[number], weights(*pair), strict=True)
        assert max(float((a - b).abs().max()) for a, b in moved) > 0.1


# What it learns


def test_a_gaussian_on_a_line_is_learned():
    """No better than the moments of the examples that the players remember: the last 10 batches at least.

    The tolerance is 3 standard errors of the mean and of the standard deviation of 1,280 examples.
    """
    real = 1.5 + 0.7 * torch.randn(5_000, 1, generator=seeded(9))
    torch.manual_seed(0)
    generator = LatentGenerator(mlp([1, 16, 1]), 1)
    fit_gan(
        generator,
        mlp([1, 16, 1]),
        real,
        n_steps=800,
        batch_size=128,
        penalties=[Penalty("r1", 0.3)],
        learning_rate=1e-2,
        decay_from=0.5,
        average=0.99,
        generator=seeded(),
    )
    samples = generator.sample(100_000, generator=seeded(1))
    n = 1_280
    assert float(samples.mean()) == pytest.approx(float(real.mean()), abs=3 * 0.7 / math.sqrt(n))
    assert float(samples.std()) == pytest.approx(float(real.std()), rel=3 / math.sqrt(2 * n))


# Errors


def test_bad_input_is_named():
    for settings, error, message in [
        ({"n_steps": 0}, ValueError, r"n_steps must be at least 1"),
        ({"loss": "wgan"}, ValueError, r"loss must be one of 'minimax'.*got 'wgan'"),
        ({"batch_size": 201}, ValueError, r"size must be at most the number of examples, 200"),
        ({"learning_rate": 0.0}, ValueError, r"learning_rate must be greater than 0"),
        ({"discriminator_learning_rate": -1}, ValueError, r"discriminator_learning_rate must be greater"),
        ({"n_critic": -1}, ValueError, r"n_critic must be at least 0"),
        ({"n_generator": 0.5}, TypeError, r"n_generator must be an integer"),
        ({"n_unrolled": -1}, ValueError, r"n_unrolled must be at least 0"),
        ({"decay_from": -0.1}, ValueError, r"decay_from must be at least 0"),
        ({"clip": 0}, ValueError, r"clip must be greater than 0"),
        ({"average": 1.0}, ValueError, r"decay must be less than 1, got 1.0"),
        ({"measure_every": 0}, ValueError, r"measure_every must be at least 1"),
        ({"record_every": 0}, ValueError, r"record_every must be at least 1"),
        ({"penalties": [Penalty("r3")]}, ValueError, r"penalty must be one of 'gradient_penalty'.*got 'r3'"),
        ({"penalties": Penalty("r1")}, TypeError, r"penalties must be a list of Penalty, got 'r1' in it"),
        ({"penalties": ["r1"]}, TypeError, r"penalties must be a list of Penalty, got 'r1' in it"),
        ({"penalties": [Penalty("r1", every=0)]}, ValueError, r"every of a penalty must be at least 1"),
    ]:
        with pytest.raises(error, match=message):
            trained(**settings)
    generator, discriminator = players()
    with pytest.raises(ValueError, match=r"real contains NaN"):
        fit_gan(generator, discriminator, REAL * math.nan, n_steps=1)
    with pytest.raises(TypeError, match=r"real must hold floating-point numbers"):
        fit_gan(generator, discriminator, REAL.long(), n_steps=1)
    with pytest.raises(TypeError, match=r"generator_network must be a LatentGenerator, got Sequential"):
        fit_gan(discriminator, generator, REAL, n_steps=1)
    with pytest.raises(ValueError, match=r"real must be like what the generator makes.*float32.*float64"):
        fit_gan(generator, discriminator, REAL.double(), n_steps=1)


def test_the_players_are_not_copied():
    generator, discriminator = players()
    before = copy.deepcopy((weights(generator), weights(discriminator)))
    fit_gan(generator, discriminator, REAL, n_steps=2, loss=Loss(*LOSSES["hinge"][:2]), generator=seeded())
    assert not same(weights(generator), before[0])
    assert not same(weights(discriminator), before[1])
