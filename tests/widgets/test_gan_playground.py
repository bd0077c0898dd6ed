"""GANPlayground without a browser: its state, its training, and what comes from cells."""

import asyncio
import contextlib
import re
import signal
import threading

import numpy as np
import pytest
import torch
from torch import nn
from traitlets import TraitError

from course_utils import gan, training
from course_utils.networks import mlp
from course_utils.widgets import GANPlayground
from course_utils.widgets.gan_data import DATA_SETS, measure
from course_utils.widgets.gan_game import Curves
from course_utils.widgets.gan_picture import judge


def floats(data):
    return np.frombuffer(data, np.float32).copy()


def weights(playground):
    game = playground.export()
    parameters = [*game.generator_network.parameters(), *game.discriminator.parameters()]
    return torch.cat([weight.detach().flatten() for weight in parameters])


def say(playground, **content):
    """What the browser sends."""
    playground._handle_msg(
        {"content": {"data": {"method": "custom", "content": {"id": "1", **content}}}, "buffers": []}
    )


async def trained(playground, n_rounds):
    """Let it train until it has played so many rounds more, as a page would that draws everything."""
    goal = playground.n_rounds + n_rounds
    for _ in range(3_000):
        if playground.n_rounds >= goal or not playground.running:
            return
        say(playground, drawn=playground._now["number"])
        await asyncio.sleep(0.01)
    raise AssertionError(f"only {playground.n_rounds} rounds")


def small(**arguments):
    return GANPlayground(**{"width": 8, "speed": 2, **arguments})


def test_the_same_seed_gives_the_same_run():
    one, other, third = small(seed=3), small(seed=3), small(seed=4)
    one.step(25)
    for _ in range(5):
        other.step(5)
    third.step(25)
    assert one.history["generator_loss"] == other.history["generator_loss"] != third.history["generator_loss"]
    torch.testing.assert_close(weights(one), weights(other), rtol=0, atol=0)
    assert one._generated == other._generated
    one.reset()
    assert one.n_rounds == 0
    one.step(25)
    torch.testing.assert_close(weights(one), weights(other), rtol=0, atol=0)


def test_it_trains_as_fit_gan_does():
    playground = small(penalty="r1", penalty_weight=0.3, n_critic=2, learning_rate=2e-3)
    start, game = playground.export(), playground._game
    generator = torch.Generator().manual_seed(0)
    optimizers = [
        torch.optim.Adam(network.parameters(), lr=2e-3, betas=(0.0, 0.99), fused=True)
        for network in (start.generator_network, start.discriminator)
    ]
    real = game.data.real

    def batch():
        return real[torch.randint(len(real), (128,), generator=generator)]

    def penalty(d, x, fake):
        return 0.3 * 0.5 * gan.r1_penalty(d, x)

    for _ in range(6):
        for _ in range(2):
            gan.discriminator_step(
                start.discriminator, start.generator_network, optimizers[1], batch(), penalty=penalty,
                generator=generator,
            )  # fmt: skip
        last = gan.generator_step(
            start.discriminator, start.generator_network, optimizers[0], batch(), generator=generator
        )
    playground.step(6)
    assert playground.history.last("generator_loss") == pytest.approx(float(last), rel=1e-5)
    expected = [*start.generator_network.parameters(), *start.discriminator.parameters()]
    torch.testing.assert_close(weights(playground), torch.cat([w.detach().flatten() for w in expected]))


def test_the_ring_is_learned():
    playground = GANPlayground("ring")
    first = playground._now["coverage"]
    playground.step(250)
    modes, quality, kl = playground._now["coverage"]
    assert modes >= 6 > first[0]
    assert quality > first[1]
    assert kl < 0.5 < first[2]


def test_what_the_browser_gets():
    playground = small(loss="relativistic")
    playground.step(30)
    game = playground.export()
    generated, arrows = (floats(data).reshape(-1, 2) for data in (playground._generated, playground._arrows))
    assert generated.shape == (1000, 2)
    assert len(floats(playground._judged)) == 48**2
    assert floats(playground._warped).reshape(21, 21, 2).shape == (21, 21, 2)
    assert floats(playground._losses).reshape(2, 30).tolist()[1] == pytest.approx(
        playground.history["generator_loss"]
    )
    assert floats(playground._coverage).reshape(3, 3)[0].tolist() == playground.history["n_modes"]
    corners = game.generator_network(torch.tensor([[-1.0, -1.0], [1.0, 1.0]])).detach().numpy()
    np.testing.assert_allclose(
        floats(playground._warped).reshape(441, 2)[[0, -1]], corners, rtol=1e-4, atol=1e-6
    )
    # A short way along its arrow, a point's own loss has fallen by the squared length of the arrow.
    x, real, step = (
        torch.from_numpy(generated[:120]).double(),
        playground._game.data.real[:120].double(),
        1e-4,
    )
    judged_by, along = game.discriminator.double(), torch.from_numpy(arrows).double()
    with torch.no_grad():
        before, after = (
            nn.functional.softplus(judged_by(real) - judged_by(place)) for place in (x, x + step * along)
        )
    torch.testing.assert_close((before - after)[:, 0], step * (along**2).sum(1), rtol=0.02, atol=0)
    assert not playground._now["isProbability"]
    scores = floats(playground._judged)
    assert scores.min() >= 0
    assert max(abs(scores.min() - 0.5), scores.max() - 0.5) == pytest.approx(0.5, abs=1e-5)


def test_the_heat_map_is_the_discriminator():
    playground = small()
    playground.step(10)
    judged = floats(playground._judged).reshape(48, 48)
    x, y = 5 * (np.array([40, 7]) + 0.5) / 48 - 2.5
    logit = playground.export().discriminator(torch.tensor([[x, y]], dtype=torch.float32))
    assert judged[7, 40] == pytest.approx(float(torch.sigmoid(logit.detach())), abs=1e-5)


def test_pictures_change_nothing():
    """Batch norms and power iterations, which learn from what they see, must not learn from pictures."""
    runs = []
    for times in (1, 4):
        torch.manual_seed(0)
        generator = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))
        playground = small(
            generator=generator, discriminator=gan.spectrally_normalized(mlp([2, 8, 1])), seed=1
        )
        for _ in range(4):
            playground.step(2)
            for _ in range(times):
                playground._show()
        runs.append(weights(playground))
    torch.testing.assert_close(*runs, rtol=0, atol=0)


@pytest.mark.parametrize("name", list(DATA_SETS))
def test_every_data_set(name):
    playground = small(data_set=name, loss="hinge")
    playground.step(3)
    data = playground._game.data
    assert data.real.abs().max() < 2.6, "nearly all of it is in the window"
    assert 0.5 < data.real.std() < 1.5
    assert playground.dim == data.real.shape[1]
    assert playground.n_modes == (0 if data.modes is None else len(data.modes))
    if data.modes is not None:
        covered = measure(data.real, data)
        assert covered.n_modes == len(data.modes)
        n = len(data.real)
        assert float(covered.high_quality) == pytest.approx(1 - np.exp(-4.5), abs=4 * (0.0111 / n) ** 0.5)


def test_own_points():
    own = torch.rand(60, 2) - 0.5
    playground = small(points=own)
    assert playground.data_set == "your points"
    np.testing.assert_array_equal(floats(playground._real).reshape(-1, 2), own)
    playground.step(3)
    playground.points = (own + 1).numpy()
    assert playground.n_rounds == 3, "it goes on, on the new points"
    assert playground._game.data.real.mean() > 0.8
    playground.points = own[:, :1]
    assert (playground.n_rounds, playground.dim) == (0, 1), "other dimensions need other networks"
    playground.points = None
    with pytest.raises(ValueError, match="there are no points yet; draw some"):
        playground.step()
    with pytest.raises(ValueError, match=r"points must be \(n, 1\) or \(n, 2\).*got \(5, 2\) from 9 to 9"):
        playground.points = torch.full((5, 2), 9.0)


def test_a_few_own_points_are_enough_for_a_paired_loss():
    playground = small(points=[[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], loss="relativistic")
    playground.step(3)
    assert playground.error == ""
    assert len(floats(playground._arrows)) == 2 * 120


def test_a_loss_that_cannot_be_drawn_stops_the_run():
    """One that goes with the 128 points of a batch only."""

    async def scene():
        playground = small()
        playground.start()
        await trained(playground, 2)
        playground.loss = lambda fake_logits: -fake_logits.reshape(128).mean()
        await trained(playground, 100)
        assert not playground.running
        assert "invalid for input of size" in playground.error
        playground.close()

    asyncio.run(scene())


def test_a_loss_from_a_cell_is_used_and_can_be_edited():
    def my_loss(fake_logits):
        return -fake_logits.mean()

    playground, same = small(loss=my_loss), small(loss=gan.Loss(gan.discriminator_loss, my_loss))
    assert playground.get_state()["loss"] == "from a cell: my_loss"
    assert playground.choices["loss"][-1] == "from a cell: my_loss"
    playground.step(4)
    same.step(4)
    assert playground.history["generator_loss"] == same.history["generator_loss"]
    playground.set_state({"loss": "hinge"})
    assert playground.loss == "hinge"
    playground.set_state({"loss": "from a cell: my_loss"})
    assert playground.loss is my_loss

    def my_loss(fake_logits):
        return 7 + 0 * fake_logits.mean()

    playground.loss = my_loss
    before = weights(playground)
    playground.step()
    assert playground.history.last("generator_loss") == 7
    n = sum(weight.numel() for weight in playground.export().generator_network.parameters())
    assert playground.n_rounds == 5, "the run goes on"
    assert not torch.equal(weights(playground)[n:], before[n:]), "the discriminator still learns"


def test_a_penalty_from_a_cell_and_its_weight():
    calls = []

    def my_penalty(discriminator, real, fake):
        calls.append((len(real), len(fake)))
        return gan.r1_penalty(discriminator, real)

    playground, other = small(penalty=my_penalty, penalty_weight=0.5), small(penalty="r1", penalty_weight=1.0)
    playground.step(3)
    other.step(3)
    assert calls == [(128, 128)] * 3
    torch.testing.assert_close(weights(playground), weights(other))
    assert playground.get_state()["penalty"] == "from a cell: my_penalty"
    playground.penalty = gan.Penalty("r2", 2.5, every=2)
    assert playground.penalty_weight == 2.5
    assert playground.get_state()["penalty"] == "from a cell: r2, every 2 rounds"
    playground.set_state({"penalty": "none"})
    assert playground.penalty is None


def test_networks_from_a_cell_are_copied_and_start_again_untrained():
    torch.manual_seed(0)
    generator, discriminator = mlp([5, 8, 2]), gan.Packed(mlp([4, 8, 1]), 2)
    before = generator[0].weight.clone()
    playground = small(generator=generator, discriminator=discriminator)
    playground.step(4)
    assert playground.get_state()["discriminator"] == "from a cell: Packed"
    trained_weight = playground.export().generator_network.network[0].weight
    assert playground.export().generator_network.latent_dim == 5
    assert torch.equal(generator[0].weight, before), "the learner's own is left alone"
    assert not torch.equal(trained_weight, before)
    playground.reset()
    assert torch.equal(playground.export().generator_network.network[0].weight, before)
    playground.step(2)
    playground.generator = gan.LatentGenerator(mlp([1, 4, 2]), 1)
    assert playground.n_rounds == 2, "the run goes on against the other one"
    assert floats(playground._warped).reshape(-1, 2).shape == (21, 2)
    playground.step(2)
    playground.data_set = "line, one hill"
    assert playground.generator is None
    assert playground.discriminator is None
    assert "The built-in generator plays in its place." in playground.error
    assert "The built-in discriminator plays in its place." in playground.error
    playground.step(2)


@pytest.mark.parametrize(
    ("part", "value", "error", "message"),
    [
        ("loss", "sigmoid", TypeError, "loss must be one of 'minimax'.*got 'sigmoid'"),
        ("loss", lambda a, b: a, TypeError, "a function of the fake logits"),
        ("penalty", "r3", TypeError, "penalty must be None, one of 'gradient_penalty'.*got 'r3'"),
        ("penalty", lambda d: d, TypeError, r"a function of \(discriminator, real, fake\)"),
        (
            "penalty",
            gan.Penalty("r1", lambda share: share),
            TypeError,
            "weight of a penalty must be a number",
        ),
        ("generator", nn.ReLU(), TypeError, "with weights to train, or None; got a module without weights"),
        ("generator", mlp([2, 3]), ValueError, r"generator must give points \(batch, 2\).*got \(1000, 3\)"),
        ("discriminator", mlp([2, 3]), ValueError, "discriminator must give one number per point"),
        ("discriminator", 3, TypeError, "discriminator must be a torch.nn.Module"),
    ],
)
def test_parts_that_cannot_be_used_are_named(part, value, error, message):
    playground = small()
    with pytest.raises(error, match=message):
        setattr(playground, part, value)
    playground.step(2)
    with pytest.raises(error, match=message):
        small(**{part: value})


@pytest.mark.parametrize(
    ("trait", "value", "message"),
    [
        ("data_set", "spiral", "data_set must be one of .*'ring'.*got 'spiral'"),
        ("learning_rate", -1.0, "learning_rate must be from 0 to 1, got -1"),
        ("n_critic", 21, "n_critic must be from 0 to 20, got 21"),
        ("width", 1, "width must be from 2 to 256, got 1"),
        ("speed", 0, "speed must be from 1 to 1000, got 0"),
        ("running", True, "read-only"),
    ],
)
def test_wrong_state_is_refused(trait, value, message):
    playground = small()
    before = getattr(playground, trait)
    with pytest.raises(TraitError, match=message):
        setattr(playground, trait, value)
    assert getattr(playground, trait) == before


def shaky(kind):
    """A loss that goes wrong after three calls that a round makes."""
    calls = []

    def my_loss(fake_logits):
        calls.append(0)
        if len(calls) <= 3:
            return -fake_logits.mean()
        if kind == "raises":
            raise RuntimeError("no more ink")
        if kind == "gradient":  # the value is 0, its derivative is infinite
            return (fake_logits - fake_logits).abs().sum().sqrt()
        return fake_logits.mean() * float("nan")

    return my_loss


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("raises", r"in my_loss:  raise RuntimeError\(\"no more ink\"\)\nRuntimeError: no more ink"),
        ("nan", "FloatingPointError: the generator's loss became nan"),
        ("gradient", "FloatingPointError: a weight of the generator became nan"),
    ],
)
def test_what_goes_wrong_is_shown_undone_and_can_be_mended(kind, message):
    playground, other = small(), small()
    playground.step(5)
    before, picture = weights(playground), playground._game._random.get_state()
    playground.loss = shaky(kind)
    with pytest.raises((RuntimeError, FloatingPointError)):
        playground.step(10)
    assert re.search(message, playground.error)
    assert playground.n_rounds == 8
    assert weights(playground).isfinite().all()
    assert not torch.equal(weights(playground), before)
    assert not torch.equal(playground._game._random.get_state(), picture)
    playground.loss = "non_saturating"
    assert playground.error == ""
    playground.step(2)
    assert playground.n_rounds == 10
    other.step(1)
    first = weights(other)
    other.loss = shaky("raises")
    other.step(3)
    with pytest.raises(RuntimeError, match="no more ink"):
        other.step()
    assert other.n_rounds == 4
    assert not torch.equal(weights(other), first)


def test_a_round_that_fails_leaves_no_trace():
    def bad(fake_logits):
        raise RuntimeError("no more ink")

    playground, other = small(loss="hinge"), small(loss="hinge")
    for n in (0, 3):  # also the first round, before which the optimizers hold nothing
        playground.step(n) if n else None
        playground.loss = bad
        with pytest.raises(RuntimeError, match="no more ink"):
            playground.step()
        playground.loss = "hinge"
    playground.step(3)
    other.step(6)
    torch.testing.assert_close(weights(playground), weights(other), rtol=0, atol=0)
    assert playground.history["discriminator_loss"] == other.history["discriminator_loss"]


def test_a_penalty_that_is_nan_is_named():
    playground = small(penalty=lambda d, real, fake: d(real).mean() * float("inf"))
    with pytest.raises(FloatingPointError, match="the penalty became"):
        playground.step()
    assert weights(playground).isfinite().all()


def test_a_frozen_discriminator_stays_as_it_is():
    playground = small(n_critic=0)
    before = playground.export().discriminator
    playground.step(12)
    after = playground.export().discriminator
    for one, other in zip(before.parameters(), after.parameters(), strict=True):
        assert torch.equal(one, other)
    assert "discriminator_loss" not in playground.history
    assert np.isnan(floats(playground._losses).reshape(2, -1)[0]).all()


def test_rounds_and_pictures_take_one_thread():
    seen = set()

    def loss(fake_logits):
        seen.add(torch.get_num_threads())
        return -fake_logits.mean()

    with training.threads(2):
        playground = small(loss=loss)
        playground.step()
        assert torch.get_num_threads() == 2
    assert seen == {1}


def test_outside_a_notebook_start_says_what_to_do():
    with pytest.raises(RuntimeError, match=r"needs the event loop of a notebook; playground.step"):
        small().start()


def test_it_trains_beside_other_work_and_pauses():
    async def scene():
        playground, turns = small(), 0
        playground.start()
        assert playground.running
        start = asyncio.get_running_loop().time()
        while playground.n_rounds < 20:
            say(playground, drawn=playground._now["number"])
            await asyncio.sleep(0.005)
            turns += 1
            assert asyncio.get_running_loop().time() - start < 60
        assert turns >= 3, "others had their turns"
        playground.loss = "wasserstein"
        await trained(playground, 4)
        assert not playground._now["isProbability"], "a loss that is set while it trains is used"
        say(playground, do="pause")
        assert not playground.running
        n, number = playground.n_rounds, playground._now["number"]
        await asyncio.sleep(0.2)
        assert (playground.n_rounds, playground._now["number"]) == (n, number)
        assert playground._now["rounds"] == n, "the last picture is of the last round"
        say(playground, do="step")
        assert playground.n_rounds == n + 1
        playground.start()
        playground.start()
        await trained(playground, 6)
        say(playground, do="reset")
        assert playground.n_rounds < 3
        await trained(playground, 4)
        assert playground.running, "it goes on after a reset"
        playground.pause()

    asyncio.run(scene())


def test_no_page_no_training():
    """At most some pictures are on their way; without a page that draws them, the training ends."""

    async def scene():
        playground = small()
        playground.start()
        await asyncio.sleep(1.5)
        number = playground._now["number"]
        assert number <= 1 + 8
        assert playground.running
        say(playground, drawn=number)
        await asyncio.sleep(0.5)
        assert playground._now["number"] > number
        for _ in range(600):
            if not playground.running:
                break
            await asyncio.sleep(0.05)
        assert not playground.running

    asyncio.run(scene())


def test_errors_while_it_trains_stop_the_run_only():
    async def scene():
        playground, other = small(), small(seed=1)
        playground.start()
        other.start()
        await asyncio.gather(trained(playground, 4), trained(other, 4))
        playground.loss = shaky("raises")
        await asyncio.gather(trained(playground, 10), trained(other, 10))
        assert not playground.running
        assert "no more ink" in playground.error
        assert other.running, "the other one trains on"
        playground.loss = "hinge"
        say(playground, do="start")
        assert playground.error == ""
        await trained(playground, 4)
        assert playground.running
        playground.close()
        other.close()
        await asyncio.sleep(0.1)
        assert len(asyncio.all_tasks()) == 1, "nothing of the two is left"

    asyncio.run(scene())


def test_interrupting_the_kernel_pauses():
    """Between cells, a kernel ignores interrupts; while a loss hangs, that would hang it for ever."""

    async def scene():
        playground = small()

        def hanging(fake_logits):
            threading.Timer(0.2, signal.raise_signal, [signal.SIGINT]).start()
            for _ in range(10_000):
                threading.Event().wait(0.01)
            return -fake_logits.mean()

        playground.loss = hanging
        playground._fail, failed = lambda error: failed.append(error), []
        with contextlib.suppress(AssertionError):
            playground.start()
            await asyncio.sleep(1)
        assert isinstance(failed[0], KeyboardInterrupt)

    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        asyncio.run(scene())
    finally:
        signal.signal(signal.SIGINT, before)


def test_messages_from_another_thread_are_taken_in_the_thread_of_the_cells():
    async def scene():
        playground, threads = small(), []
        playground.observe(lambda change: threads.append(threading.get_ident()), "n_critic")
        message = {"content": {"data": {"method": "update", "state": {"n_critic": 3}}}, "buffers": []}
        other = threading.Thread(target=playground._handle_msg, args=[message])
        other.start()
        other.join()
        assert playground.n_critic == 1, "not yet"
        await asyncio.sleep(0.05)
        assert playground.n_critic == 3
        assert threads == [threading.get_ident()]

    asyncio.run(scene())


def test_a_command_that_cannot_be_obeyed_is_answered_with_the_reason():
    playground, sent = small(data_set="your points"), []
    playground.send = lambda content, buffers=None: sent.append(content)
    say(playground, do="step")
    assert "there are no points yet" in playground.error
    assert sent == [{"heard": "1"}]


def test_curves_keep_the_mean_of_what_they_leave_out():
    curves = Curves(2)
    for i in range(1000):
        curves.add(float(i), 1.0)
    values = curves.array()
    assert curves.stride == 4
    assert values.shape == (2, 250)
    np.testing.assert_allclose(values[0], np.arange(1000).reshape(250, 4).mean(1))


def test_a_pack_of_equal_points_is_judged_for_each_point():
    torch.manual_seed(0)
    inner = mlp([6, 1])
    x = torch.randn(9, 2)
    torch.testing.assert_close(judge(gan.Packed(inner, 3), x), inner(x.repeat(1, 3)).flatten())
