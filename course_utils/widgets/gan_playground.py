"""A GAN that trains live, with controls, and with whatever loss, penalty or network a cell defines."""

import asyncio
import copy
import math
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import anywidget
import numpy as np
import torch
import traitlets
from torch import Tensor, nn

from course_utils import gan, training
from course_utils.history import History
from course_utils.plots import COLORS
from course_utils.validation import check_count
from course_utils.widgets.from_cells import (
    NAMED,
    as_latent_generator,
    as_loss,
    as_penalty,
    check_part,
    label,
    short_traceback,
    weight_of,
)
from course_utils.widgets.gan_data import DATA_SETS, WINDOW, DataSet, check_own
from course_utils.widgets.gan_game import MEASURE_EVERY, Game, Rules, check_discriminator, check_generator
from course_utils.widgets.kernel_task import KernelTask, interruptible
from course_utils.widgets.scripts import joined

__all__ = ["Export", "GANPlayground"]

OWN = "your points"
N_SHOWN = {1: 2_000, 2: 500}  # real points that are drawn, by their dimensions
NO_POINTS = (
    "there are no points yet; draw some in the plane, set playground.points, or choose another data set"
)
INTERRUPTED = "Interrupted, as the kernel was. Start goes on."
SLICE = 0.02  # seconds of training at a time
REST = 0.004  # seconds between, for the kernel's other work
PERIOD = 1 / 30  # seconds from one picture to the next, at least
IN_FLIGHT = 8  # pictures that can be on their way to the browser, which tells of every fourth
SILENCE = 5.0  # seconds without a page that draws, after which the training pauses
LOSSES = ("discriminator_loss", "generator_loss")
COVERAGE = ("n_modes", "high_quality", "reverse_kl")
LIMITS = {  # lowest and highest
    "learning_rate": (0.0, 1.0),
    "discriminator_learning_rate": (0.0, 1.0),
    "penalty_weight": (0.0, 1000.0),
    "n_critic": (0, 20),
    "width": (2, 256),
    "speed": (1, 1000),
    "seed": (0, 2**31),
}


class Export(NamedTuple):
    """What a playground gives to Python: copies, so that the playground can go on."""

    history: History
    generator_network: gan.LatentGenerator
    discriminator: nn.Module


class GANPlayground(anywidget.AnyWidget):
    """Train a GAN on the line or in the plane, watch it, and change everything about it while it runs.

    The loss, the penalty and the networks can come from a cell. Give an edited function to the same playground,
    `playground.loss = my_loss`, and the next round uses it. Errors in it, and NaN, show in the widget and pause the
    training; the round in which they came is undone, so that *Start* goes on as soon as the function is right.

    It trains in the thread that runs the cells, as a task of the kernel's event loop: 20 ms of training, then a rest in
    which cells and messages have their turn. So nothing changes while a step is under way, a cell waits some hundredths
    of a second at most, and while a cell computes, the training pauses. Interrupting the kernel pauses it too. It goes
    on only as long as a page draws it: closing the notebook ends it.

    Args:
        data_set: name of the data set to begin with; none: the first, or your points if there are some.
        points: your own points, (n, 1) or (n, 2), at most 2,000, in [-2.5, 2.5].
        loss: a name of `gan.LOSSES`, a `gan.Loss`, or a function of the fake logits, the generator's loss, beside
            which the discriminator has the cross-entropy.
        penalty: None, a name of `gan.PENALTIES`, a `gan.Penalty`, or a function of (discriminator, real, fake).
        penalty_weight: none: that of the `gan.Penalty`, or 0.1.
        generator: a `gan.LatentGenerator`, or a module from z (batch, latent_dim) to points, for which z is normal, and
            latent_dim what its first linear layer takes. The playground trains a copy. None: two hidden layers, with z
            uniform in [-1, 1], of as many dimensions as the data.
        discriminator: a module from points to one logit each; it trains a copy. None: two hidden layers.
        learning_rate: of the generator.
        discriminator_learning_rate: none: the generator's.
        n_critic: the discriminator's steps in a round; 0 freezes it.
        width: units of each hidden layer of the networks that are not given.
        speed: rounds from one picture to the next.
        seed: the same seed gives the same run.

    Attributes:
        running: whether it trains.
        n_rounds: rounds played since the start.
        history: see `widgets.gan_game.Game`.
        error: what went wrong last, as the widget shows it; empty if nothing did.
        points: your own points, also those drawn with the pointer; None if there are none.
        choices: the names that each of loss, penalty, generator and discriminator can be set to.
        All arguments are attributes as well, and can be set at any time. Another data set, width or seed starts anew.

    Raises:
        TypeError, ValueError: if a loss, a penalty, a network or points cannot be used; each says what could be.
        TraitError: if another attribute is set to what it cannot be.
    """

    _esm = joined("shared.js", "gan_plane.js", "gan_playground.js")

    data_set = traitlets.Unicode().tag(sync=True)
    data_sets = traitlets.List([*DATA_SETS, OWN], read_only=True).tag(sync=True)
    loss = traitlets.Any("non_saturating").tag(sync=True, to_json=partial(label, "loss"))
    penalty = traitlets.Any(None, allow_none=True).tag(sync=True, to_json=partial(label, "penalty"))
    generator = traitlets.Any(None, allow_none=True).tag(sync=True, to_json=partial(label, "generator"))
    discriminator = traitlets.Any(None, allow_none=True).tag(
        sync=True, to_json=partial(label, "discriminator")
    )
    choices: Any = traitlets.Dict().tag(sync=True)
    learning_rate = traitlets.Float(1e-3).tag(sync=True)
    discriminator_learning_rate = traitlets.Float(1e-3).tag(sync=True)
    penalty_weight = traitlets.Float(0.1).tag(sync=True)
    n_critic = traitlets.Int(1).tag(sync=True)
    width = traitlets.Int(64).tag(sync=True)
    speed = traitlets.Int(5).tag(sync=True)
    seed = traitlets.Int(0).tag(sync=True)
    running = traitlets.Bool(False, read_only=True).tag(sync=True)
    error = traitlets.Unicode("").tag(sync=True)
    colors = traitlets.List(list(COLORS), read_only=True).tag(sync=True)
    window = traitlets.Float(WINDOW, read_only=True).tag(sync=True)
    dim = traitlets.Int(2).tag(sync=True)  # of the data
    n_modes = traitlets.Int(0).tag(sync=True)  # of the data; 0 if not known
    _real = traitlets.Bytes().tag(sync=True)  # float32 (n, dim)
    # One picture: all of them change at once.
    _now: Any = traitlets.Dict().tag(sync=True)  # its number, and other numbers
    _generated = traitlets.Bytes().tag(sync=True)  # these six as float32, as in `Picture` and `Curves`
    _arrows = traitlets.Bytes().tag(sync=True)
    _judged = traitlets.Bytes().tag(sync=True)
    _warped = traitlets.Bytes().tag(sync=True)
    _losses = traitlets.Bytes().tag(sync=True)
    _coverage = traitlets.Bytes().tag(sync=True)

    def __init__(
        self,
        data_set: str | None = None,
        *,
        points: Any = None,
        loss: str | gan.Loss | Callable[[Tensor], Tensor] = "non_saturating",
        penalty: str | gan.Penalty | Callable[..., Tensor] | None = None,
        penalty_weight: float | None = None,
        generator: nn.Module | None = None,
        discriminator: nn.Module | None = None,
        learning_rate: float = 1e-3,
        discriminator_learning_rate: float | None = None,
        n_critic: int = 1,
        width: int = 64,
        speed: int = 5,
        seed: int = 0,
    ) -> None:
        self._task = KernelTask()
        self._number = self._drawn = 0  # of the last picture that was made, of the last that a page has drawn
        self._own = None if points is None else check_own(points)
        self._game: Game | None = None
        self._cells: dict[str, Any] = {}  # what came from a cell last, for each part
        self._untrained: dict[str, nn.Module] = {}  # copies of the networks from cells
        other_rate = discriminator_learning_rate
        parts = {"loss": loss, "penalty": penalty, "generator": generator, "discriminator": discriminator}
        super().__init__(
            data_set=data_set or (next(iter(DATA_SETS)) if points is None else OWN),
            learning_rate=learning_rate,
            discriminator_learning_rate=learning_rate if other_rate is None else other_rate,
            n_critic=n_critic,
            width=width,
            speed=speed,
            seed=seed,
            choices={part: list(names) for part, names in NAMED.items()},
            **parts,
        )
        if penalty_weight is None:
            penalty_weight = weight_of(penalty)
        if penalty_weight is not None:
            self.penalty_weight = penalty_weight
        for part in NAMED:
            self._offer(part)
        self._begin()
        self.observe(lambda change: self.reset(), ["data_set", "width", "seed"])
        self.observe(self._hear_of_a_part, list(NAMED))
        self.on_msg(self._hear)
        if self.comm is not None:
            self.comm.on_close(lambda message: self._task.in_own_thread(self.pause))

    @traitlets.validate("data_set")
    def _valid_data_set(self, proposal: Any) -> str:
        if proposal.value not in self.data_sets:
            raise traitlets.TraitError(f"data_set must be one of {self.data_sets}, got {proposal.value!r}")
        return str(proposal.value)

    @traitlets.validate(*LIMITS)
    def _valid_number(self, proposal: Any) -> Any:
        low, high = LIMITS[proposal.trait.name]
        if not low <= proposal.value <= high:
            raise traitlets.TraitError(
                f"{proposal.trait.name} must be from {low:g} to {high:g}, got {proposal.value:g}"
            )
        return proposal.value

    @traitlets.validate(*NAMED)
    def _valid_part(self, proposal: Any) -> Any:
        part, value = proposal.trait.name, proposal.value
        if part in self._cells and value == label(part, self._cells[part]):
            return self._cells[part]  # the browser knows its name only
        value = check_part(part, value)
        if self._game is not None and value is not None and part == "generator":
            check_generator(as_latent_generator(value), self.dim)
        elif self._game is not None and value is not None and part == "discriminator":
            check_discriminator(value, self.dim)
        return value

    def __repr__(self) -> str:
        return f"GANPlayground on {self.data_set}, {self.n_rounds} rounds: run this cell in Jupyter to see it train"

    # ---- from Python

    @property
    def n_rounds(self) -> int:
        """Rounds played since the start."""
        return self._present.n_rounds

    @property
    def history(self) -> History:
        """The numbers recorded since the start."""
        return self._present.history

    @property
    def points(self) -> Tensor | None:
        """Your own points, (n, d); None if there are none."""
        return self._own

    @points.setter
    def points(self, values: Any) -> None:
        self._own = None if values is None else check_own(values)
        if self.data_set != OWN:
            self.data_set = OWN
        elif self._own is None or self._own.shape[1] != self.dim or not len(self._real):
            self.reset()
        else:  # the game goes on, on other points
            self._present.data = DataSet(self._own)
            self._send_data()
            self._show()

    def start(self) -> None:
        """Train until `pause`, or until no page draws it any more.

        Raises:
            RuntimeError: outside a notebook; there `step` trains.
            ValueError: if there are no points to learn from.
        """
        self._check_points()
        if self._task.running:
            return
        self.error = ""
        self._drawn = self._number
        try:
            self._task.start(self._train)
        except RuntimeError:
            raise RuntimeError(
                "start() needs the event loop of a notebook; playground.step(1_000) trains here"
            ) from None
        self.set_trait("running", True)

    def pause(self) -> None:
        """Stop after the present round; `start` goes on."""
        if self._task.running:
            self._task.cancel()
            self.set_trait("running", False)
            self._show()

    def step(self, n_rounds: int = 1) -> None:
        """Play so many rounds now.

        Raises:
            ValueError: if there are no points to learn from.
            FloatingPointError: at NaN; and whatever the loss, the penalty and the networks raise.
        """
        n_rounds = check_count(n_rounds, "n_rounds")
        self._check_points()
        self.error = ""
        try:
            self._play(n_rounds)
        except BaseException as error:
            self._fail(error)
            raise
        self._show()

    def reset(self) -> None:
        """Start anew, with untrained networks and the same seed; it goes on training if it did."""
        self._begin()
        if self.running and self.data_set == OWN and self._own is None:
            self.pause()

    def export(self) -> Export:
        """The history and both networks as they are now."""
        game = self._present
        return Export(*copy.deepcopy((game.history, game.generator_network, game.discriminator)))

    def close(self) -> None:
        """End the training, and the widget."""
        self.pause()
        super().close()

    # ---- the game

    @property
    def _present(self) -> Game:
        assert self._game is not None
        return self._game

    @property
    def _rules(self) -> Rules:
        return Rules(
            as_loss(self.loss),
            as_penalty(self.penalty, self.penalty_weight),
            self.learning_rate,
            self.discriminator_learning_rate,
            self.n_critic,
        )

    def _check_points(self) -> None:
        if self.data_set == OWN and self._own is None:
            raise ValueError(NO_POINTS)

    def _begin(self) -> None:
        """A new game on the present data set; networks from cells that do not fit it give way to the built-in ones."""
        if self.data_set != OWN:
            data = DATA_SETS[self.data_set](torch.Generator().manual_seed(self.seed))
        else:  # one point, to have networks of some size, if there are none yet
            data = DataSet(torch.zeros(1, 2) if self._own is None else self._own)
        first, self._game = self._game is None, Game(data, width=self.width, seed=self.seed)
        problems = []
        for part in ("generator", "discriminator"):
            try:
                self._put(part)
            except ValueError as error:
                if first:
                    raise
                setattr(self, part, None)
                problems.append(f"{error}. The built-in {part} plays in its place.")
        self.error = "\n".join(problems)
        self._send_data()
        self._show()

    def _put(self, part: str) -> None:
        """Let the present generator or discriminator play, a copy of it if it came from a cell."""
        chosen = None if getattr(self, part) is None else copy.deepcopy(self._untrained[part])
        if part == "generator":
            self._present.put_generator(None if chosen is None else as_latent_generator(chosen))
        else:
            self._present.put_discriminator(chosen)

    def _offer(self, part: str) -> None:
        """Remember what came from a cell, and let the browser choose it again."""
        value = getattr(self, part)
        if value is None or isinstance(value, str):
            return
        self._cells[part] = value
        if isinstance(value, nn.Module):
            self._untrained[part] = copy.deepcopy(value)
        self.choices = self.choices | {part: [*NAMED[part], label(part, value)]}

    def _hear_of_a_part(self, change: Any) -> None:
        self._offer(change.name)
        if change.name == "penalty" and (weight := weight_of(change.new)) is not None:
            self.penalty_weight = weight
        if change.name in ("generator", "discriminator"):
            self._put(change.name)
            self._show()
        self.error = ""

    def _play(self, n_rounds: int, seconds: float = math.inf) -> int:
        """Play so many rounds, or for so long; return how many it were."""
        end, played = time.perf_counter() + seconds, 0
        rules = self._rules
        with interruptible(), training.threads(1):
            while played < n_rounds and (not played or time.perf_counter() < end):
                self._present.play_round(rules)
                played += 1
        return played

    async def _train(self) -> None:
        """Until it is cancelled: some rounds, a picture, and a rest."""
        try:
            while True:
                began, left = time.perf_counter(), self.speed
                while left > 0:
                    left -= self._play(left, SLICE)
                    await asyncio.sleep(REST)
                self._show()
                await asyncio.sleep(max(0.0, began + PERIOD - time.perf_counter()))
                rests = 0
                while self._number - self._drawn >= IN_FLIGHT:  # the browser has more to draw than it can
                    await asyncio.sleep(REST)
                    rests += 1
                    if rests * REST > SILENCE:
                        self.pause()
        except (Exception, KeyboardInterrupt) as error:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        """Show what went wrong, and pause."""
        self.error = INTERRUPTED if isinstance(error, KeyboardInterrupt) else short_traceback(error)
        self.pause()

    # ---- to and from the browser

    def _send_data(self) -> None:
        data = self._present.data
        shown = data.real[: N_SHOWN[data.real.shape[1]]]
        if self.data_set == OWN:
            shown = data.real[:0] if self._own is None else self._own
        with self.hold_sync():
            self.dim = data.real.shape[1]
            self.n_modes = 0 if data.modes is None else len(data.modes)
            self._real = as_bytes(shown)

    def _show(self) -> None:
        """Send a picture of the present state."""
        game = self._present
        try:
            with training.threads(1):  # beside a browser, two threads on small networks wait for each other
                picture = game.picture(self._rules.loss)
        except Exception as error:  # the learner's loss or network, on so many points
            self._task.cancel()
            self.set_trait("running", False)
            self.error = short_traceback(error)
            return
        covered = picture.coverage
        self._number += 1
        with self.hold_sync():
            self._now = {
                "number": self._number,
                "rounds": game.n_rounds,
                "isProbability": picture.is_probability,
                "lossStride": game.losses.stride,
                "coverageStride": game.coverage.stride * MEASURE_EVERY,
                "last": [game.history.last(name) if name in game.history else None for name in LOSSES],
                "coverage": [] if covered is None else [float(getattr(covered, name)) for name in COVERAGE],
                "gradient": float(picture.arrows.norm(dim=1).mean()),
            }
            self._generated, self._arrows = as_bytes(picture.generated), as_bytes(picture.arrows)
            self._judged, self._warped = as_bytes(picture.judged), as_bytes(picture.warped)
            self._losses, self._coverage = game.losses.array().tobytes(), game.coverage.array().tobytes()

    def _handle_msg(self, msg: Mapping[str, Any]) -> None:
        """What the browser sends, whichever thread it comes in."""
        self._task.in_own_thread(partial(super()._handle_msg, msg))

    def _hear(self, widget: Any, content: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """A command of the browser, or the number of the last picture that it has drawn."""
        if "drawn" in content:
            self._drawn = max(self._drawn, int(content["drawn"]))
            return
        commands = {
            "start": self.start,
            "pause": self.pause,
            "step": self.step,
            "reset": self.reset,
            "points": lambda: setattr(self, "points", as_points(buffers)),
            "hello": lambda: None,
        }
        try:
            commands[content["do"]]()
        except Exception as error:
            self.error = self.error or str(error)
        self.send({"heard": content["id"]})


def as_points(buffers: Sequence[Any]) -> np.ndarray | None:
    """What the pointer has drawn, (n, 2); None if there is nothing."""
    return np.frombuffer(buffers[0], np.float32).reshape(-1, 2).copy() if len(buffers[0]) else None


def as_bytes(x: Tensor) -> bytes:
    """Its numbers as float32."""
    return x.detach().float().numpy().tobytes()
