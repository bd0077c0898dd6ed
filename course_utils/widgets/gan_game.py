"""A GAN on the line or in the plane, one round after the other, without any widget."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from course_utils import gan
from course_utils.history import History
from course_utils.networks import mlp
from course_utils.widgets.gan_data import DataSet, measure
from course_utils.widgets.gan_picture import Picture, in_evaluation, judge, take_picture

__all__ = ["Curves", "Game", "Rules", "check_discriminator", "check_generator"]

BATCH = 128
BETAS = (0.0, 0.99)  # of Adam, as in `gan.fit_gan`
N_SEEN = 1_000  # generated points that are drawn and measured, of the same z at all times
MEASURE_EVERY = 10  # rounds


class Rules(NamedTuple):
    """What can change from one round to the next."""

    loss: gan.Loss
    penalty: gan.Penalty | None
    learning_rate: float
    discriminator_learning_rate: float
    n_critic: int


class Curves:
    """Growing series of at most 2·SIZE values each: when they are full, the mean of each pair takes their place.

    Attributes:
        stride: how many of the values added each value stands for.
    """

    SIZE = 200

    def __init__(self, n_series: int) -> None:
        self.stride = 1
        self._values: list[np.ndarray] = []
        self._sum, self._n = np.zeros(n_series), 0

    def add(self, *values: float) -> None:
        """Add one value to each series; NaN leaves a gap."""
        self._sum, self._n = self._sum + values, self._n + 1
        if self._n == self.stride:
            self._values.append(self._sum / self._n)
            self._sum, self._n = np.zeros_like(self._sum), 0
        if len(self._values) == 2 * self.SIZE:
            pairs = zip(self._values[::2], self._values[1::2], strict=True)
            self._values = [(first + second) / 2 for first, second in pairs]
            self.stride *= 2

    def array(self) -> np.ndarray:
        """(n_series, n) float32."""
        return np.array(self._values, np.float32).reshape(-1, len(self._sum)).T


class Player:
    """A network with its optimizer, and what both were before the present round."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.optimizer = torch.optim.Adam(network.parameters(), betas=BETAS, fused=True)
        self._kept: list[Tensor] = []

    def _tensors(self) -> list[Tensor]:
        moments = (tensor for state in self.optimizer.state.values() for tensor in state.values())
        return [*self.network.parameters(), *self.network.buffers(), *moments]

    @torch.no_grad()
    def keep(self) -> None:
        """Remember the present state."""
        tensors = self._tensors()
        if len(tensors) == len(self._kept):
            torch._foreach_copy_(self._kept, tensors)  # one call for all
        else:
            self._kept = [tensor.detach().clone() for tensor in tensors]

    @torch.no_grad()
    def undo(self) -> None:
        """Go back to the state that was kept."""
        tensors = self._tensors()
        if len(tensors) > len(self._kept):  # it has made its first step since then
            self.optimizer.state.clear()
        torch._foreach_copy_(tensors[: len(self._kept)], self._kept)


class Game:
    """A generator and a discriminator on one data set; the same seed gives the same run.

    A round that raises, or in which a loss becomes NaN or infinite, is undone: the game can go on under other rules.

    Args:
        data: what the generator shall imitate.
        width: units of each of the two hidden layers of both networks, where none are given.
        seed: of the weights, z, mini-batches and penalties.

    Attributes:
        n_rounds: how many were played.
        history: "discriminator_loss" and "generator_loss" of each round, on one mini-batch, without penalties; where
            the modes are known, each 10 rounds "n_modes", "high_quality" and "reverse_kl" of 1,000 points.
        losses, coverage: the same as curves to draw.
    """

    def __init__(self, data: DataSet, *, width: int = 64, seed: int = 0) -> None:
        self.data, self.n_rounds, self.history = data, 0, History()
        self.losses, self.coverage = Curves(2), Curves(3)
        self._random = torch.Generator().manual_seed(seed)
        self._width, self._seed = width, seed
        self.put_generator(None)
        self.put_discriminator(None)

    def put_generator(self, network: gan.LatentGenerator | None) -> None:
        """Let another generator play from now on, trained in place; the built-in one, untrained, for None.

        Raises:
            ValueError: if it gives points of another shape than the data.
        """
        d = self.data.real.shape[1]
        if network is None:
            built_in = self._built_in([d, self._width, self._width, d], 2 * self._seed)
            network = gan.LatentGenerator(built_in, d, prior="uniform")
        self._seen = check_generator(network, d)
        self.generator_network, self._generator_player = network, Player(network)

    def put_discriminator(self, network: nn.Module | None) -> None:
        """Let another discriminator play from now on, trained in place; the built-in one, untrained, for None.

        Raises:
            ValueError: if it gives anything but one number per point.
        """
        d = self.data.real.shape[1]
        if network is None:
            network = self._built_in([d, self._width, self._width, 1], 2 * self._seed + 1)
        check_discriminator(network, d)
        self.discriminator, self._discriminator_player = network, Player(network)

    def _built_in(self, sizes: list[int], seed: int) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return mlp(sizes, activation=lambda: nn.LeakyReLU(0.2))

    def play_round(self, rules: Rules) -> None:
        """`n_critic` steps of the discriminator, and one of the generator.

        Raises:
            FloatingPointError: if a loss is not finite; and whatever the loss, the penalty and the networks raise.
        """
        players = self._generator_player, self._discriminator_player
        before = self._random.get_state()
        for player in players:
            player.keep()
        try:
            discriminator_loss, generator_loss = self._steps(rules)
        except BaseException:
            for player in players:
                player.undo()
            self._random.set_state(before)
            raise
        self.n_rounds += 1
        self.losses.add(discriminator_loss, generator_loss)
        recorded = {} if rules.n_critic == 0 else {"discriminator_loss": discriminator_loss}
        self.history.record(self.n_rounds, generator_loss=generator_loss, **recorded)
        if self.data.modes is not None and self.n_rounds % MEASURE_EVERY == 0:
            with torch.no_grad(), in_evaluation(self.generator_network):
                covered = measure(self.generator_network(self._seen), self.data)
            numbers = {
                name: float(getattr(covered, name)) for name in ("n_modes", "high_quality", "reverse_kl")
            }
            self.coverage.add(*numbers.values())
            self.history.record(self.n_rounds, **numbers)

    def _steps(self, rules: Rules) -> tuple[float, float]:
        """The losses of both; NaN for a discriminator that is held."""
        ours, theirs = self._generator_player, self._discriminator_player
        ours.optimizer.param_groups[0]["lr"] = rules.learning_rate
        theirs.optimizer.param_groups[0]["lr"] = rules.discriminator_learning_rate
        discriminator_loss = math.nan
        for _ in range(rules.n_critic):
            value = gan.discriminator_step(
                self.discriminator,
                self.generator_network,
                theirs.optimizer,
                self._batch(),
                loss=rules.loss,
                penalty=self._penalty(rules.penalty),
                generator=self._random,
            )
            discriminator_loss = finite(value, "the discriminator's loss")
        value = gan.generator_step(
            self.discriminator,
            self.generator_network,
            ours.optimizer,
            self._batch(),
            loss=rules.loss,
            generator=self._random,
        )
        generator_loss = finite(value, "the generator's loss")
        for player, name in ((theirs, "discriminator"), (ours, "generator")):
            norms = torch._foreach_norm([weight.detach() for weight in player.network.parameters()])
            finite(torch.stack(list(norms)).sum(), f"a weight of the {name}")
        return discriminator_loss, generator_loss

    def _batch(self) -> Tensor:
        """Real points, drawn with replacement, so that also a few points make a batch."""
        return self.data.real[torch.randint(len(self.data.real), (BATCH,), generator=self._random)]

    def _penalty(self, penalty: gan.Penalty | None) -> Callable[..., Tensor] | None:
        """The penalty with its weight in this round; None where it is left out."""
        weight = 0.0 if penalty is None else penalty.at(self.n_rounds, 1)
        if penalty is None or not weight:
            return None
        function = penalty.bound(self._random)

        def weighted(discriminator: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> Tensor:
            value = weight * function(discriminator, real, fake)
            finite(value, "the penalty")
            return value

        return weighted

    def picture(self, loss: gan.Loss) -> Picture:
        """What there is to draw now; nothing in the game changes."""
        return take_picture(self.data, self.generator_network, self.discriminator, self._seen, loss)


@torch.no_grad()
def check_generator(network: gan.LatentGenerator, d: int) -> Tensor:
    """The z (N_SEEN, latent_dim) of the points that are drawn, if the generator makes points (N_SEEN, d) of them.

    Raises:
        ValueError: if it makes something else, or fails.
    """
    z = network.draw_z(N_SEEN, generator=torch.Generator().manual_seed(0))
    try:
        with in_evaluation(network):
            made = network(z)
    except Exception as error:
        raise ValueError(f"generator fails at z {tuple(z.shape)}: {error}") from error
    if made.shape != (len(z), d):
        raise ValueError(
            f"generator must give points (batch, {d}), as the present data set has, "
            f"got {tuple(made.shape)} for z {tuple(z.shape)}"
        )
    return z


@torch.no_grad()
def check_discriminator(network: nn.Module, d: int) -> None:
    """Raise ValueError unless it gives one number for each of points (batch, d), or for each pack of them."""
    x = torch.zeros(BATCH, d)
    try:
        with in_evaluation(network):
            judge(network, x)
    except Exception as error:
        raise ValueError(f"discriminator fails at points {tuple(x.shape)}: {error}") from error


def finite(value: Tensor, name: str) -> float:
    """As a number; FloatingPointError if it is NaN or infinite."""
    number = float(value.detach())
    if not math.isfinite(number):
        raise FloatingPointError(
            f"{name} became {number:g}. That round was undone. Try a lower learning rate, and look for a log or a "
            "square root at 0, and a division by 0"
        )
    return number
