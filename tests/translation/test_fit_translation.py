"""Both trainings: the loop by hand, one side switched off, resumed bit for bit, known answers learned, clear errors."""

import math

import pytest
import torch
from torch import nn

from course_utils import training
from course_utils.gan import LOSSES
from course_utils.translation import (
    ImagePool,
    ResidualTranslator,
    UNet,
    absolute_error,
    cycle_step,
    fit_cyclegan,
    fit_pix2pix,
    joined,
    patch_discriminator,
    patch_step,
    pix2pix_step,
    translate,
)


@pytest.fixture(autouse=True)
def one_thread():
    """As in the trainings: with two, convolutions add in another order, and the last bits differ."""
    with training.threads(1):
        yield


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


SOURCE = torch.rand(40, 8, 8, generator=seeded(1))
TARGET = torch.rand(40, 3, 8, 8, generator=seeded(2))
A = torch.rand(30, 3, 8, 8, generator=seeded(3))
B = torch.rand(50, 3, 8, 8, generator=seeded(4))


def pix2pix_players():
    torch.manual_seed(0)
    return [UNet((8, 8), (3, 8, 8), width=2, depth=2), patch_discriminator((4, 8, 8), width=2)]


def cyclegan_players():
    torch.manual_seed(0)
    translators = [ResidualTranslator((3, 8, 8), width=2, n_blocks=1) for _ in range(2)]
    return translators + [patch_discriminator((3, 8, 8), width=2) for _ in range(2)]


KINDS = {
    "pix2pix": (fit_pix2pix, pix2pix_players, (SOURCE, TARGET)),
    "cyclegan": (fit_cyclegan, cyclegan_players, (A, B)),
}
both_kinds = pytest.mark.parametrize("kind", KINDS)


def trained(kind, seed=0, **settings):
    """(players, history) of a short training."""
    fit, make, images = KINDS[kind]
    players = make()
    settings = {"n_steps": 12, "batch_size": 4, "learning_rate": 1e-2, "generator": seeded(seed)} | settings
    if kind == "cyclegan":
        settings = {"pool_size": 3} | settings
    return players, fit(*players, *images, **settings)


def state(modules):
    return [value.clone() for module in modules for value in module.state_dict().values()]


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def adam(rate, *modules):
    weights = [weight for module in modules for weight in module.parameters()]
    return torch.optim.Adam(weights, lr=rate, betas=(0.2, 0.9), fused=True)


def test_pix2pix_is_the_loop_by_hand():
    players, history = trained(
        "pix2pix",
        l1_weight=3.0,
        adversarial_weight=0.5,
        loss="hinge",
        discriminator_learning_rate=2e-2,
        betas=(0.2, 0.9),
        decay_from=0.5,
        record_every=1,
    )
    translator, discriminator = pix2pix_players()
    optimizers = adam(1e-2, translator), adam(2e-2, discriminator)
    batches = training.batches([SOURCE, TARGET], 4, generator=seeded())
    for step in range(12):
        left = min(1.0, 2 * (1 - step / 12))
        optimizers[0].param_groups[0]["lr"], optimizers[1].param_groups[0]["lr"] = 1e-2 * left, 2e-2 * left
        x, y = next(batches)
        weights = {"l1_weight": 3.0, "adversarial_weight": 0.5, "loss": LOSSES["hinge"]}
        made, losses = pix2pix_step(translator, discriminator, optimizers[0], x, y, **weights)
        told = patch_step(discriminator, optimizers[1], joined(x, y), joined(x, made), loss=LOSSES["hinge"])
        assert history["l1_loss"][step] == losses["l1_loss"].item()
        assert history["adversarial_loss"][step] == losses["adversarial_loss"].item()
        assert history["discriminator_loss"][step] == told.item()
    assert same(state(players), state([translator, discriminator]))


def test_cyclegan_is_the_loop_by_hand():
    settings = {"cycle_weight": 3.0, "identity_weight": 0.5}
    players, history = trained(
        "cyclegan",
        loss="hinge",
        discriminator_learning_rate=2e-2,
        betas=(0.2, 0.9),
        decay_from=0.5,
        record_every=1,
        **settings,
    )
    g, f, d_a, d_b = cyclegan_players()
    random = seeded()
    optimizers = adam(1e-2, g, f), adam(2e-2, d_a), adam(2e-2, d_b)
    batches = [training.batches(images, 4, generator=random) for images in (A, B)]
    pools = [ImagePool(3, generator=random) for _ in range(2)]
    for step in range(12):
        left = min(1.0, 2 * (1 - step / 12))
        for optimizer, rate in zip(optimizers, (1e-2, 2e-2, 2e-2), strict=True):
            optimizer.param_groups[0]["lr"] = rate * left
        a, b = next(batches[0]), next(batches[1])
        fakes = cycle_step(g, f, d_a, d_b, optimizers[0], a, b, loss=LOSSES["hinge"], **settings)
        told = patch_step(d_a, optimizers[1], a, pools[0].exchange(fakes.a), loss=LOSSES["hinge"])
        told = told + patch_step(d_b, optimizers[2], b, pools[1].exchange(fakes.b), loss=LOSSES["hinge"])
        for name, value in (fakes.losses | {"discriminator_loss": told}).items():
            assert history[name][step] == value.item()
    assert same(state(players), state([g, f, d_a, d_b]))


@both_kinds
def test_everything_random_comes_from_the_generator(kind):
    first, _ = trained(kind)
    before = torch.get_rng_state()
    players = KINDS[kind][1]()
    torch.manual_seed(123)
    state_now = torch.get_rng_state()
    KINDS[kind][0](
        *players,
        *KINDS[kind][2],
        n_steps=12,
        batch_size=4,
        learning_rate=1e-2,
        generator=seeded(),
        **({"pool_size": 3} if kind == "cyclegan" else {}),
    )
    assert torch.equal(torch.get_rng_state(), state_now)
    torch.set_rng_state(before)
    assert same(state(first), state(players))
    other, _ = trained(kind, seed=1)
    assert not same(state(first), state(other))


@both_kinds
@pytest.mark.parametrize("from_global", [False, True])
def test_a_resumed_training_equals_an_uninterrupted_one(kind, from_global, tmp_path):
    def run(n_steps, checkpoint=None):
        torch.manual_seed(0)
        players = KINDS[kind][1]()
        torch.manual_seed(5)
        settings = {"batch_size": 4, "average": 0.9, "loss": "relativistic", "record_every": 1}
        if kind == "cyclegan":
            settings |= {"pool_size": 5, "identity_weight": 1.0}
        history = KINDS[kind][0](
            *players,
            *KINDS[kind][2],
            n_steps=n_steps,
            generator=None if from_global else seeded(),
            checkpoint=checkpoint,
            **settings,
        )
        return state(players), {name: history[name] for name in history.names}

    file = tmp_path / "training.pt"
    whole = run(10)
    run(6, file)
    torch.rand(7)
    resumed = run(10, file)
    assert same(whole[0], resumed[0])
    assert whole[1] == resumed[1]


def test_a_checkpoint_of_the_other_kind_is_refused(tmp_path):
    file = tmp_path / "training.pt"
    trained("pix2pix", checkpoint=file)
    with pytest.raises(training.CheckpointError, match="damaged or of another training"):
        trained("cyclegan", checkpoint=file)
    with pytest.raises(training.CheckpointError):
        trained("pix2pix", checkpoint=file, adversarial_weight=0)


def test_without_a_verdict_the_discriminator_is_left_alone():
    players, history = trained("pix2pix", adversarial_weight=0, record_every=1)
    assert same(state(players[1:]), state(pix2pix_players()[1:]))
    assert history.names == ["l1_loss"]
    alone = pix2pix_players()[0]
    settings = {"n_steps": 12, "batch_size": 4, "learning_rate": 1e-2, "generator": seeded()}
    fit_pix2pix(alone, None, SOURCE, TARGET, adversarial_weight=0, **settings)
    assert same(state([alone]), state(players[:1]))
    _, history = trained("pix2pix", l1_weight=0, record_every=1)
    assert history.names == ["adversarial_loss", "discriminator_loss"]


def test_what_cyclegan_records():
    _, history = trained("cyclegan", cycle_weight=0, record_every=1)
    assert history.names == ["adversarial_loss", "discriminator_loss"]
    _, history = trained("cyclegan", identity_weight=1, record_every=4)
    assert history.names == ["adversarial_loss", "cycle_loss", "identity_loss", "discriminator_loss"]
    assert history.steps("cycle_loss") == [3, 7, 11]


@both_kinds
def test_the_translators_end_with_their_averages_which_are_measured(kind):
    n = {"pix2pix": 1, "cyclegan": 2}[kind]
    seen = []

    def measure(*translators):
        assert not any(translator.training for translator in translators)
        assert not torch.is_grad_enabled()
        seen.append(state(translators))
        return {"half": 0.5}

    players, history = trained(kind, average=0.8, measure=measure, measure_every=5)
    assert history.steps("half") == [4, 9, 11]
    assert same(seen[-1], state(players[:n]))
    assert all(player.training for player in players)
    last, _ = trained(kind)
    assert not same(state(last[:n]), state(players[:n]))
    assert same(state(last[n:]), state(players[n:])), "the average changes nothing in the game"
    quiet, _ = trained(kind, measure=measure)
    assert same(state(quiet), state(last)), "measuring changes nothing"
    assert all(player.training for player in quiet)


@both_kinds
@pytest.mark.parametrize("training_mode", [True, False])
def test_every_network_keeps_its_mode(kind, training_mode):
    fit, make, images = KINDS[kind]
    players = [player.train(training_mode) for player in make()]
    settings = {"n_steps": 2, "batch_size": 4, "generator": seeded()}
    fit(*players, *images, measure=lambda *translators: {"half": 0.5}, **settings)
    assert [player.training for player in players] == [training_mode] * len(players)


@both_kinds
def test_nan_stops_the_training(kind):
    def poison(module, *_):
        return torch.full_like(_[1], math.nan)

    fit, make, images = KINDS[kind]
    players = make()
    players[0].register_forward_hook(poison)
    with pytest.raises(FloatingPointError, match="became NaN in step 0"):
        fit(*players, *images, n_steps=2, batch_size=4, record_every=1)


def test_pix2pix_learns_a_known_translation_and_the_median_where_there_are_two_answers():
    """Left half: the source upside down in brightness. Right half: 0.2 in two of three targets, else 0.9."""
    torch.manual_seed(0)
    source = torch.rand(300, 8, 8, generator=seeded(1))
    target = 1 - source
    target[:, :, 4:] = torch.where(torch.arange(300) % 3 == 0, 0.9, 0.2)[:, None, None]
    translator = UNet((8, 8), (8, 8), width=4, depth=1)
    settings = {"n_steps": 500, "learning_rate": 5e-3, "decay_from": 0.3, "generator": seeded()}
    fit_pix2pix(translator, None, source, target, adversarial_weight=0, **settings)
    made = translate(translator, source)
    assert absolute_error(made[:, :, :3], target[:, :, :3]) < 0.1, "a constant would be 0.25 off"
    assert (made[:, :, 5:] - 0.2).abs().mean() < 0.1, "the median; the mean would be 0.43"


def test_cyclegan_learns_to_brighten_without_a_pair():
    """Domain A is four dark squares, domain B four squares 0.4 brighter: each image keeps its differences."""
    torch.manual_seed(0)
    a, b = (
        (low + 0.4 * torch.rand(400, 2, 2, generator=seeded(i)))
        .repeat_interleave(4, 1)
        .repeat_interleave(4, 2)
        for i, low in enumerate((0.1, 0.5))
    )
    translators = [ResidualTranslator((8, 8), width=4, n_blocks=1) for _ in range(2)]
    discriminators = [patch_discriminator((8, 8), width=4, n_halvings=1) for _ in range(2)]
    settings = {"n_steps": 400, "learning_rate": 5e-3, "decay_from": 0.5, "generator": seeded()}
    fit_cyclegan(*translators, *discriminators, a, b, cycle_weight=10.0, loss="relativistic", **settings)
    to_b, to_a = translate(translators[0], a), translate(translators[1], b)
    assert abs(to_b.mean() - 0.7) < 0.1
    assert abs(to_a.mean() - 0.3) < 0.1
    kept = torch.corrcoef(torch.stack([a.flatten(), to_b.flatten()]))[0, 1]
    assert kept > 0.8, "not just any image of B"


def test_bad_input_is_named():
    def pix2pix(source=SOURCE, target=TARGET, **settings):
        fit_pix2pix(*pix2pix_players(), source, target, **{"n_steps": 2, "batch_size": 4} | settings)

    def cyclegan(a=A, b=B, **settings):
        fit_cyclegan(*cyclegan_players(), a, b, **{"n_steps": 2, "batch_size": 4} | settings)

    for call, error, message in (
        (lambda: pix2pix(target=TARGET[:30]), ValueError, "must be pairs, got 40 sources and 30 targets"),
        (lambda: pix2pix(target=TARGET[:, 0]), ValueError, r"target must be like .* \(n, 3, 8, 8\)"),
        (lambda: pix2pix(source=SOURCE[:, :4]), ValueError, r"images must have shape \(batch, 8, 8\)"),
        (lambda: pix2pix(source=SOURCE * math.nan), ValueError, "source contains NaN"),
        (lambda: pix2pix(target=TARGET.int()), TypeError, "target must hold floating-point numbers"),
        (lambda: pix2pix(l1_weight=-1), ValueError, "l1_weight must be at least 0, got -1"),
        (lambda: pix2pix(adversarial_weight=-1), ValueError, "adversarial_weight must be at least 0"),
        (lambda: pix2pix(l1_weight=0, adversarial_weight=0), ValueError, "must not both be 0"),
        (lambda: pix2pix(batch_size=41), ValueError, "size must be at most the number of examples, 40"),
        (lambda: pix2pix(loss="l2"), ValueError, "loss must be one of 'minimax'"),
        (lambda: pix2pix(learning_rate=0), ValueError, "learning_rate must be greater than 0"),
        (lambda: pix2pix(discriminator_learning_rate=0), ValueError, "discriminator_learning_rate must be"),
        (lambda: pix2pix(decay_from=-1), ValueError, "decay_from must be at least 0, got -1"),
        (lambda: pix2pix(measure_every=0), ValueError, "measure_every must be at least 1"),
        (lambda: pix2pix(record_every=0), ValueError, "record_every must be at least 1"),
        (
            lambda: fit_pix2pix(pix2pix_players()[0], None, SOURCE, TARGET, n_steps=1),
            ValueError,
            "discriminator must be a module where adversarial_weight is not 0",
        ),
        (
            lambda: cyclegan(b=torch.rand(9, 3, 16, 16)),
            ValueError,
            r"one shape, got \(30, 3, 8, 8\) .* and \(9, 3, 16, 16\) .*; load both with one size",
        ),
        (lambda: cyclegan(b=B[:, 0]), ValueError, "both in colour or both grey"),
        (lambda: cyclegan(b=B.double()), ValueError, "torch.float64"),
        (lambda: cyclegan(cycle_weight=-1), ValueError, "cycle_weight must be at least 0, got -1"),
        (lambda: cyclegan(identity_weight=-1), ValueError, "identity_weight must be at least 0"),
        (lambda: cyclegan(pool_size=-1), ValueError, "size must be at least 0"),
        (lambda: cyclegan(discriminator_learning_rate=0), ValueError, "discriminator_learning_rate must be"),
        (lambda: cyclegan(a=A * math.nan), ValueError, "images_a contains NaN"),
        (lambda: cyclegan(b=B.int()), TypeError, "images_b must hold floating-point numbers"),
        (lambda: cyclegan(loss="l2"), ValueError, "loss must be one of 'minimax'"),
        (lambda: cyclegan(learning_rate=0), ValueError, "learning_rate must be greater than 0"),
        (lambda: cyclegan(decay_from=-1), ValueError, "decay_from must be at least 0, got -1"),
        (lambda: cyclegan(record_every=0), ValueError, "record_every must be at least 1"),
        (lambda: cyclegan(measure_every=0), ValueError, "measure_every must be at least 1"),
        (lambda: cyclegan(a=A[:3]), ValueError, "size must be at most the number of examples, 3"),
    ):
        with pytest.raises(error, match=message):
            call()


def test_the_networks_are_trained_in_place():
    players, _ = trained("cyclegan", n_steps=1)
    for player, fresh in zip(players, cyclegan_players(), strict=True):
        assert isinstance(player, nn.Module)
        assert not same(state([player]), state([fresh]))
