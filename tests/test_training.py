import math
import os
import signal
import sys
import threading
import types

import pytest
import torch
from torch import nn

from course_utils import training
from course_utils.history import History


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """No bars, Python's own Ctrl-C, and at the end of each test the handler that was there at its start."""
    monkeypatch.setenv("COURSE_PROGRESS", "off")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def press_ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)


# The loop


def test_steps_and_what_they_record():
    history = History()
    seen = []
    for step in training.steps(4, history):
        seen.append(step)
        if step % 2:
            history.record(loss=step)
    assert seen == [0, 1, 2, 3]
    assert history.steps("loss") == [1, 3]
    assert not history.interrupted
    history.record(test=1.0)  # after the loop, no step is current
    assert history.steps("test") == [0]


def test_no_steps():
    assert list(training.steps(0, History())) == []


def test_nothing_is_printed(capfd):
    for _ in training.steps(3, History()):
        pass
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((2.5, History()), TypeError, "n_steps must be an integer, got 2.5"),
        ((-1, History()), ValueError, "n_steps must be at least 0"),
        ((5, []), TypeError, r"history must be a History, got list; History\(\)"),
    ],
)
def test_bad_arguments_are_refused_before_the_loop(arguments, error, message):
    with pytest.raises(error, match=message):
        training.steps(*arguments)
    with pytest.raises(TypeError, match=r"checkpoint must be a training.Checkpoint or None, got str"):
        training.steps(5, History(), checkpoint="model.pt")


# NaN


def test_nan_stops_the_loop():
    history = History()

    def train():
        for step in training.steps(100, history, label="VAE"):
            history.record(loss=1.0, kl=math.nan if step == 3 else 0.0)

    with pytest.raises(FloatingPointError) as error:
        train()
    assert "VAE: kl became NaN in step 3." in str(error.value)
    assert "lower learning rate" in str(error.value)
    assert history.steps("loss") == [0, 1, 2, 3]


def test_nan_in_the_last_step_under_a_number():
    history = History()

    def train():
        for step in training.steps(2, history):
            history.record(step=50, loss=torch.tensor(math.nan if step == 1 else 0.0))
            history.record(step=50, loss=0.0)

    with pytest.raises(FloatingPointError, match="loss became NaN in step 1"):
        train()


def test_infinity_and_an_old_nan_do_not_stop():
    history = History()
    history.record(loss=math.nan)
    for _ in training.steps(3, history):
        history.record(loss=-math.inf)
    assert len(history["loss"]) == 4


# Ctrl-C


def test_ctrl_c_ends_after_the_step(capfd):
    history = History()
    weight = 0
    for step in training.steps(100, history, label="GAN"):
        if step == 5:
            press_ctrl_c()
        weight += 1
        history.record(loss=step)
    assert weight == 6
    assert history["loss"] == [0, 1, 2, 3, 4, 5]
    assert history.interrupted
    assert capfd.readouterr().out == "GAN: stopped by Ctrl-C after 6 of 100 steps, all of them kept\n"
    # Training on takes the mark away.
    for _ in training.steps(2, history):
        pass
    assert not history.interrupted


def test_second_ctrl_c_is_at_once():
    history = History()
    reached = []

    def train():
        for step in training.steps(100, history):
            press_ctrl_c()
            reached.append(step)
            press_ctrl_c()
            reached.append("never")

    with pytest.raises(KeyboardInterrupt):
        train()
    assert reached == [0]
    assert history.interrupted
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_in_the_last_step_is_too_late(capfd):
    history = History()
    for step in training.steps(3, history):
        if step == 2:
            press_ctrl_c()
    assert not history.interrupted
    assert capfd.readouterr().out == ""


def my_handler(signum, frame):
    raise AssertionError("not to be called")


@pytest.mark.parametrize("ending", ["end", "break", "exception", "close", "nan", "ctrl-c"])
def test_the_previous_handler_is_restored(ending):
    signal.signal(signal.SIGINT, my_handler)
    history = History()
    try:
        loop = training.steps(3, history)
        assert signal.getsignal(signal.SIGINT) is my_handler, "only while the loop runs"
        if ending == "close":
            next(loop)
            assert signal.getsignal(signal.SIGINT) is not my_handler
            loop.close()
        else:
            del loop
            for _ in training.steps(3, history):
                assert signal.getsignal(signal.SIGINT) is not my_handler
                if ending == "break":
                    break
                if ending == "exception":
                    raise ZeroDivisionError
                if ending == "nan":
                    history.record(loss=math.nan)
                if ending == "ctrl-c":
                    press_ctrl_c()
    except (ZeroDivisionError, FloatingPointError):
        pass
    try:
        assert signal.getsignal(signal.SIGINT) is my_handler
        history.record(after=1)
        assert history.steps("after") == [0], "no step is current any more"
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def test_a_loop_within_a_loop_stops_both(capfd):
    outer, inner = History(), History()
    for step in training.steps(10, outer, label="outer"):
        inner = History()
        for _ in training.steps(10, inner, label="inner"):
            if step == 2:
                press_ctrl_c()
    assert (outer.interrupted, inner.interrupted) == (True, True)
    assert "inner: stopped by Ctrl-C after 1 of 10" in (out := capfd.readouterr().out)
    assert "outer: stopped by Ctrl-C after 3 of 10" in out


def test_outside_the_main_thread():
    history = History()

    def train():
        for _ in training.steps(3, history):
            assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
            history.record(loss=1)

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert len(history["loss"]) == 3


# Progress


class Tty(types.SimpleNamespace):
    def isatty(self):
        return True


def test_when_progress_is_shown(monkeypatch):
    assert not training.shows_progress()  # off, by the fixture
    monkeypatch.setattr(sys, "stderr", Tty())
    assert not training.shows_progress()
    monkeypatch.delenv("COURSE_PROGRESS")
    assert training.shows_progress()
    monkeypatch.setattr(sys, "stderr", None)
    assert not training.shows_progress()
    shell = types.SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    assert training.shows_progress()
    monkeypatch.setenv("COURSE_PROGRESS", "off")
    assert not training.shows_progress()


def test_the_bar(monkeypatch):
    bars = []

    class Bar:
        def __init__(self, **options):
            self.options, self.updates, self.postfix, self.closed = options, 0, None, False
            bars.append(self)

        def update(self):
            self.updates += 1

        def set_postfix(self, values, refresh):
            self.postfix = values

        def close(self):
            self.closed = True

    monkeypatch.setattr(training, "shows_progress", lambda: True)
    monkeypatch.setattr("tqdm.auto.tqdm", Bar)
    history = History()
    for step in training.steps(5, history, label="EM"):
        history.record(bound=-1 / (step + 1))
        if step == 3:
            break
    (bar,) = bars
    assert (bar.options["total"], bar.options["initial"], bar.options["desc"]) == (5, 0, "EM")
    assert bar.options["delay"] == 2
    assert bar.updates == 3
    assert bar.postfix == {"bound": "-0.3333"}
    assert bar.closed


def test_the_true_bar_waits_two_seconds(monkeypatch, capfd):
    monkeypatch.setattr(training, "shows_progress", lambda: True)
    clock = [0.0]
    monkeypatch.setattr("tqdm.std.time", lambda: clock[0])
    history = History()
    for step in training.steps(8, history, label="slow"):
        history.record(loss=step)
        clock[0] += 0.5
        if clock[0] < 2:
            assert capfd.readouterr().err == ""
    assert "slow" in (err := capfd.readouterr().err)
    assert "loss=" in err


# Batches


def test_batches_cover_each_index_once_an_epoch():
    batches = training.batches(torch.arange(10), 5, generator=torch.Generator().manual_seed(0))
    assert batches.steps_per_epoch == 2
    epochs = [torch.cat([next(batches), next(batches)]) for _ in range(20)]
    assert all(epoch.sort().values.tolist() == list(range(10)) for epoch in epochs)
    assert len({tuple(epoch.tolist()) for epoch in epochs}) == 20


def test_the_incomplete_batch_is_dropped():
    batches = training.batches(torch.arange(11), 4)
    assert batches.steps_per_epoch == 2
    left_out = set()
    for _ in range(50):
        epoch = torch.cat([next(batches), next(batches)]).tolist()
        assert len(set(epoch)) == 8
        left_out |= set(range(11)) - set(epoch)
    assert left_out == set(range(11))


def test_several_tensors_stay_together():
    x = torch.randn(12, 3, 2)
    batches = training.batches((x, torch.arange(12)), 5)
    for _ in range(6):
        images, labels = next(batches)
        assert images.shape == (5, 3, 2)
        assert torch.equal(images, x[labels])
    images.zero_()
    assert x.abs().min() > 0, "batches are copies"
    assert next(iter(batches))[1].shape == (5,)
    assert isinstance(next(training.batches([x], 2)), tuple)


def test_batches_follow_their_generator():
    def first(seed):
        return next(training.batches(torch.arange(100), 50, generator=torch.Generator().manual_seed(seed)))

    assert torch.equal(first(0), first(0))
    assert not torch.equal(first(0), first(1))


@pytest.mark.parametrize("own_generator", [True, False])
def test_batches_resume(own_generator):
    def make():
        generator = torch.Generator().manual_seed(0) if own_generator else None
        return training.batches(torch.arange(11), 2, generator=generator)

    torch.manual_seed(0)
    batches = make()
    for _ in range(7):
        next(batches)
    state, random = batches.state_dict(), torch.get_rng_state()
    rest = [next(batches).tolist() for _ in range(20)]
    torch.set_rng_state(random)
    other = make()
    other.load_state_dict(state)
    assert [next(other).tolist() for _ in range(20)] == rest


def test_batches_refuse_a_foreign_state():
    batches = training.batches(torch.arange(10), 2)
    next(batches)
    with pytest.raises(ValueError, match="batches of 10 examples, not of 12"):
        training.batches(torch.arange(12), 2).load_state_dict(batches.state_dict())
    with pytest.raises(ValueError, match="generator if and only if"):
        training.batches(torch.arange(10), 2, generator=torch.Generator()).load_state_dict(
            batches.state_dict()
        )


@pytest.mark.parametrize(
    ("tensors", "size", "error", "message"),
    [
        (torch.zeros(3), 4, ValueError, "size must be at most the number of examples, 3, got 4"),
        (torch.zeros(3), 0, ValueError, "size must be at least 1"),
        ((torch.zeros(3), torch.zeros(4)), 2, ValueError, "equal lengths, got 3, 4"),
        ([[1, 2], [3, 4]], 1, TypeError, "several of equal length, got list, list"),
        ((), 1, TypeError, "got nothing"),
        (torch.zeros(()), 1, TypeError, r"tensors must be a tensor \(n, ...\)"),
    ],
)
def test_bad_batches(tensors, size, error, message):
    with pytest.raises(error, match=message):
        training.batches(tensors, size)


# The average of the weights


def test_average_is_the_closed_form():
    module = nn.Linear(1, 1, bias=False, dtype=torch.float64)
    weights = torch.randn(200, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    start = module.weight.item()
    average = training.Average(module, decay=0.9)
    for weight in weights:
        with torch.no_grad():
            module.weight.fill_(weight)
        average.update()
    decays = [min(0.9, (1 + t) / (10 + t)) for t in range(200)]
    # θ̄ = Σₜ θₜ (1 - dₜ) Πₛ>ₜ dₛ + θ₀ Π dₛ
    expected = start * math.prod(decays)
    for t, weight in enumerate(weights.tolist()):
        expected += weight * (1 - decays[t]) * math.prod(decays[t + 1 :])
    assert average.module.weight.item() == pytest.approx(expected, rel=1e-12)


def test_average_of_constant_weights_is_that_constant():
    module = nn.Linear(2, 2)
    average = training.Average(module)
    with torch.no_grad():
        module.weight.fill_(1.0)
    for _ in range(60):
        average.update()
    # The start is forgotten quickly: Π (1 + t)/(10 + t) = 60!·9!/69! ≈ 2e-11 after 60 updates.
    assert torch.allclose(average.module.weight, torch.ones(2, 2), atol=1e-6)


def test_average_copies_buffers_and_leaves_the_module_alone():
    module = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Dropout(0.5))
    average = training.Average(module)
    module(torch.randn(8, 2) + 5)
    assert average.module[1].num_batches_tracked == 0
    average.update()
    assert average.module[1].num_batches_tracked == 1
    assert torch.equal(average.module[1].running_mean, module[1].running_mean)
    assert module.training
    assert not average.module.training
    assert not any(p.requires_grad for p in average.module.parameters())
    assert all(p.requires_grad for p in module.parameters())


def test_average_resumes():
    def make():
        torch.manual_seed(0)
        module = nn.Linear(2, 2)
        return module, training.Average(module, decay=0.99)

    module, average = make()
    other_module, other = make()
    for _ in range(5):
        with torch.no_grad():
            module.weight.add_(1)
        average.update()
    other.load_state_dict(average.state_dict())
    with torch.no_grad():
        other_module.weight.copy_(module.weight)
    average.update()
    other.update()
    assert torch.equal(average.module.weight, other.module.weight)


@pytest.mark.parametrize("decay", [1, 1.5, -0.1, math.nan])
def test_bad_decay(decay):
    with pytest.raises(ValueError, match="decay must be"):
        training.Average(nn.Linear(1, 1), decay=decay)


# Checkpoints


class Training:
    """A small training that has everything in it: dropout, Adam, a scheduler, noise, batches, an average."""

    def __init__(self, path=None, every=10, seed=0):
        torch.manual_seed(seed)
        self.generator = torch.Generator().manual_seed(seed + 1)
        self.model = nn.Sequential(
            nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.3), nn.Linear(8, 1)
        )
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=0.01)
        self.scheduler = torch.optim.lr_scheduler.ExponentialLR(self.optimizer, 0.99)
        self.average = training.Average(self.model, decay=0.9)
        x = torch.randn(50, 3, generator=torch.Generator().manual_seed(9))
        self.batches = training.batches(
            (x, x.sum(1, keepdim=True)), 8, generator=torch.Generator().manual_seed(2)
        )
        self.history = History()
        self.checkpoint = path and training.Checkpoint(
            path,
            every=every,
            model=self.model,
            optimizer=self.optimizer,
            scheduler=self.scheduler,
            average=self.average,
            batches=self.batches,
            generator=self.generator,
        )

    def run(self, n_steps, before_step=lambda step: None):
        for step in training.steps(n_steps, self.history, checkpoint=self.checkpoint):
            before_step(step)
            x, y = next(self.batches)
            noise = 0.1 * torch.randn(x.shape, generator=self.generator)
            loss = (self.model(x + noise) - y).square().mean()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.scheduler.step()
            self.average.update()
            self.history.record(loss=loss)
        return self

    def tensors(self):
        adam = [value for state in self.optimizer.state.values() for value in state.values()]
        return [*self.model.state_dict().values(), *self.average.module.state_dict().values(), *adam]


def assert_same(first, second):
    assert first.history.state_dict() == second.history.state_dict()
    pairs = zip(first.tensors(), second.tensors(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


class Crash(Exception):
    pass


def crash_at(n):
    def before_step(step):
        if step == n:
            raise Crash

    return before_step


def test_a_crash_and_a_resume_are_bit_for_bit(tmp_path, capsys):
    uninterrupted = Training().run(45)
    with pytest.raises(Crash):
        Training(tmp_path / "c.pt").run(45, crash_at(27))
    seen = []
    resumed = Training(tmp_path / "c.pt", seed=5).run(45, seen.append)
    assert seen == list(range(20, 45)), "from the last step saved"
    assert "20 of 45 steps were done before" in capsys.readouterr().out
    assert_same(uninterrupted, resumed)
    assert torch.equal(torch.rand(5), torch.rand(5, generator=after_training(45)))


def after_training(n_steps):
    """PyTorch's global random state as an uninterrupted training leaves it, as a generator."""
    before = torch.get_rng_state()
    Training().run(n_steps)
    generator = torch.Generator()
    generator.set_state(torch.get_rng_state())
    torch.set_rng_state(before)
    return generator


def test_ctrl_c_and_a_resume_are_bit_for_bit(tmp_path, capsys):
    uninterrupted = Training().run(45)
    stopped = Training(tmp_path / "c.pt", every=1000).run(
        45, lambda step: press_ctrl_c() if step == 26 else None
    )
    assert stopped.history.interrupted
    assert "after 27 of 45 steps, all of them kept; run it again to go on from" in capsys.readouterr().out
    seen = []
    resumed = Training(tmp_path / "c.pt", seed=5).run(45, seen.append)
    assert seen == list(range(27, 45))
    assert not resumed.history.interrupted
    assert_same(uninterrupted, resumed)


def test_one_object_can_go_on_too(tmp_path):
    uninterrupted = Training().run(45)
    stopped = Training(tmp_path / "c.pt").run(45, lambda step: press_ctrl_c() if step == 26 else None)
    torch.rand(100)  # what a learner does in between
    assert_same(uninterrupted, stopped.run(45))


def test_a_finished_training_is_not_repeated_and_can_be_lengthened(tmp_path):
    finished = Training(tmp_path / "c.pt", every=1000).run(30)
    again = Training(tmp_path / "c.pt", seed=5).run(30, crash_at(0))
    assert_same(finished, again)
    assert_same(Training().run(40), Training(tmp_path / "c.pt", seed=5).run(40))


def test_no_nan_is_saved(tmp_path):
    path = tmp_path / "c.pt"
    model = nn.Linear(1, 1)
    history = History()

    def train():
        for step in training.steps(5, history, checkpoint=training.Checkpoint(path, every=1, model=model)):
            history.record(loss=math.nan if step == 2 else 0.0)

    with pytest.raises(FloatingPointError):
        train()
    fresh = History()
    assert training.Checkpoint(path, model=model).load(fresh) == 2
    assert fresh["loss"] == [0, 0]


def test_a_save_that_fails_leaves_the_last_one(tmp_path, monkeypatch):
    path = tmp_path / "folder" / "c.pt"
    first = Training(path).run(10)
    content = path.read_bytes()

    def half_a_save(state, to):
        to.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", half_a_save)
    with pytest.raises(OSError, match="disk full"):
        first.run(20)
    assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path], "nothing is left beside it"


def spoil_bytes(path):
    content = bytearray(path.read_bytes())
    del content[len(content) // 2 :]
    path.write_bytes(content)


@pytest.mark.parametrize(
    "spoil",
    [
        spoil_bytes,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_text("hello"),
        lambda path: torch.save([1, 2], path),
        lambda path: torch.save({"objects": {}}, path),
    ],
)
def test_a_damaged_checkpoint(tmp_path, spoil):
    path = tmp_path / "c.pt"
    Training(path).run(10)
    spoil(path)
    assert_refused(Training(path, seed=5), path)


def assert_refused(attempt, path, because=""):
    before = [tensor.clone() for tensor in attempt.tensors()]
    with pytest.raises(training.CheckpointError) as error:
        attempt.run(20)
    message = str(error.value)
    assert f"the checkpoint {path} is damaged or of another training" in message
    assert "delete the file to train from the start" in message
    assert because in message
    assert attempt.history.names == []
    assert all(torch.equal(a, b) for a, b in zip(before, attempt.tensors(), strict=True)), (
        "nothing has changed"
    )
    path.unlink()
    attempt.run(3)
    assert len(attempt.history["loss"]) == 3


def test_a_checkpoint_of_another_model(tmp_path):
    path = tmp_path / "c.pt"
    Training(path).run(10)
    other = Training(path, seed=5)
    other.checkpoint._objects["scheduler"] = nn.Linear(4, 4)
    assert_refused(other, path)


def test_a_checkpoint_of_other_names(tmp_path):
    path = tmp_path / "c.pt"
    Training(path).run(10)
    other = Training(path, seed=5)
    other.checkpoint = training.Checkpoint(path, model=other.model)
    assert_refused(
        other, path, "it holds average, batches, generator, model, optimizer, scheduler, not model"
    )


def test_what_could_not_be_read_back_is_refused_at_the_first_save(tmp_path):
    class Odd:
        def state_dict(self):
            return {"when": types.SimpleNamespace(year=2014)}

        def load_state_dict(self, state):
            pass

    path = tmp_path / "c.pt"
    with pytest.raises(TypeError, match="a checkpoint holds tensors, numbers"):
        training.Checkpoint(path, odd=Odd()).save(1, History())
    assert list(tmp_path.iterdir()) == []


def test_no_code_is_run_at_loading(tmp_path):
    class Malicious:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "owned"),))

    path = tmp_path / "c.pt"
    torch.save({"objects": Malicious()}, path)
    with pytest.raises(training.CheckpointError):
        training.Checkpoint(path, model=nn.Linear(1, 1)).load(History())
    assert not (tmp_path / "owned").exists()


def test_bad_checkpoints(tmp_path):
    with pytest.raises(ValueError, match="a checkpoint needs what the loop changes"):
        training.Checkpoint(tmp_path / "c.pt")
    with pytest.raises(TypeError, match=r"model must have state_dict\(\).*got Tensor"):
        training.Checkpoint(tmp_path / "c.pt", model=torch.zeros(3))
    with pytest.raises(ValueError, match="every must be at least 1"):
        training.Checkpoint(tmp_path / "c.pt", every=0, model=nn.Linear(1, 1))


def test_the_file_knows_how_long_its_steps_took(tmp_path, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(training.time, "process_time", lambda: clock[0])

    def train(n_steps):
        checkpoint = training.Checkpoint(tmp_path / "c.pt", every=2, model=nn.Linear(1, 1))
        clock[0] += 50  # what happens before the loop does not count
        for _ in training.steps(n_steps, History(), checkpoint=checkpoint):
            clock[0] += 3
        return checkpoint.seconds

    assert train(4) == 12
    assert train(4) == 12
    assert train(6) == 18
    assert torch.load(tmp_path / "c.pt")["seconds"] == 18


# Learning rate and threads


def test_cosine():
    assert [training.cosine(step, 4) for step in (0, 2, 4)] == pytest.approx([1, 0.5, 0])
    assert training.cosine(1, 4) == pytest.approx(math.cos(math.pi / 8) ** 2)


def test_threads_are_as_before_afterwards():
    def stop_within():
        with training.threads(1):
            assert torch.get_num_threads() == 1
            raise ZeroDivisionError

    with training.threads(3):
        with training.threads(1):
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 3
        with pytest.raises(ZeroDivisionError):
            stop_within()
        assert torch.get_num_threads() == 3
    with pytest.raises(ValueError, match="number must be at least 1, got 0"), training.threads(0):
        pass


def test_a_rate_that_falls_along_a_line():
    assert [training.line(done, 0.5) for done in (0, 0.3, 0.5, 0.75, 1)] == [1, 1, 1, 0.5, 0]
    assert [training.line(done, 0) for done in (0, 0.25, 1)] == [1, 0.75, 0]
    assert [training.line(done, 1.0) for done in (0, 0.5, 1)] == [1, 1, 1]
