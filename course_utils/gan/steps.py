"""One step of each player. They stay apart, so that a loop shows how they alternate."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call

from course_utils.gan.losses import LOSSES, Loss
from course_utils.gan.networks import LatentGenerator
from course_utils.gan.penalties import Discriminator
from course_utils.validation import check_count

__all__ = ["discriminator_step", "generator_step", "unrolled"]


def discriminator_step(
    discriminator: nn.Module,
    generator_network: LatentGenerator,
    optimizer: torch.optim.Optimizer,
    real: Tensor,
    *,
    loss: Loss = LOSSES["non_saturating"],
    conditions: Tensor | None = None,
    mismatched: Tensor | None = None,
    penalty: Callable[[Discriminator, Tensor, Tensor], Tensor] | None = None,
    generator: Generator | None = None,
) -> Tensor:
    """Improve the discriminator once on a batch; the generator's weights and gradients stay as they are.

    With `mismatched` it also learns that a real example under a wrong condition counts as a fake: half of what
    it calls fake are such pairs.

    Args:
        discriminator: takes examples (and conditions, if there are any), gives one logit each.
        generator_network: makes the fakes, as many as there are real examples.
        optimizer: of the discriminator.
        real: (batch, ...).
        loss: of both players.
        conditions: of the real examples, one row each; the fakes are made for the same ones.
        mismatched: conditions that do not belong to the real examples; a row that is equal to the right one is
            left out.
        penalty: a function of (discriminator, real, fake), whose value is added to the loss.
        generator: of z.

    Returns:
        The loss without the penalty, (), detached.

    Raises:
        TypeError: if the generator is no `LatentGenerator`.
        ValueError: if it makes examples of another shape or dtype than the real ones, or there is something
            mismatched without conditions, or with a paired loss.

    Source: for `mismatched`, Reed et al. (2016), Generative adversarial text to image synthesis, algorithm 1.
    """
    with torch.no_grad():  # the fakes are data here: no gradient goes back into the generator
        fake = _fakes(generator_network, len(real), conditions, generator)
    if fake.shape != real.shape or fake.dtype != real.dtype:
        raise ValueError(
            f"real must be like what the generator makes, {tuple(fake.shape)} of {fake.dtype}, "
            f"got {tuple(real.shape)} of {real.dtype}"
        )
    told = _told(discriminator, conditions)
    real_logits, fake_logits = told(real), told(fake)
    if mismatched is not None:
        wrong = _wrong_pairs(discriminator, real, conditions, mismatched, loss)
        fake_logits = torch.cat([fake_logits, wrong])
    value = loss.discriminator(real_logits, fake_logits)
    total = value if penalty is None else value + penalty(told, real, fake)
    optimizer.zero_grad()
    total.backward()
    optimizer.step()
    return value.detach()


def generator_step(
    discriminator: nn.Module,
    generator_network: LatentGenerator,
    optimizer: torch.optim.Optimizer,
    real: Tensor,
    *,
    loss: Loss = LOSSES["non_saturating"],
    conditions: Tensor | None = None,
    unroll: Callable[[Tensor, Tensor], Discriminator] | None = None,
    generator: Generator | None = None,
) -> Tensor:
    """Improve the generator once; the discriminator's weights and gradients stay as they are.

    Args:
        discriminator: takes examples (and conditions, if there are any), gives one logit each.
        generator_network: makes as many fakes as there are real examples.
        optimizer: of the generator.
        real: (batch, ...); only its length matters, unless the loss is paired or something is unrolled.
        loss: of both players.
        conditions: what the fakes shall be, one row each.
        unroll: a function of (real, fake) that gives the discriminator to face instead; see `unrolled`.
        generator: of z.

    Returns:
        The generator's loss, (), detached.

    Raises:
        TypeError: if the generator is no `LatentGenerator`.
    """
    fake = _fakes(generator_network, len(real), conditions, generator)
    opponent = _told(discriminator, conditions) if unroll is None else unroll(real, fake)
    value = loss.generator(opponent(real), opponent(fake)) if loss.paired else loss.generator(opponent(fake))
    optimizer.zero_grad()
    own = [weight for weight in generator_network.parameters() if weight.requires_grad]
    value.backward(inputs=own)  # so the discriminator collects nothing
    optimizer.step()
    return value.detach()


def unrolled(
    discriminator: nn.Module,
    optimizer: torch.optim.Optimizer,
    real: Tensor,
    fake: Tensor,
    *,
    n_steps: int = 5,
    loss: Loss = LOSSES["non_saturating"],
) -> Discriminator:
    """What the discriminator would be after some more steps on these examples; the generator can look ahead.

    The steps are differentiable, so the generator's gradient takes the discriminator's answer into account. The
    discriminator itself does not change.

    NOTE: the paper differentiates through Adam. Here each step is gradient descent, scaled by Adam's present
    second moments, which are held constant.

    Args:
        discriminator: takes examples, gives one logit each.
        optimizer: of the discriminator; an Adam that has made a step, or plain SGD.
        real: (batch, ...).
        fake: (batch, ...), with the generator's graph.
        n_steps: how far to look ahead.
        loss: of both players.

    Raises:
        ValueError: if the optimizer is of another network.

    Source: Metz, Poole, Pfau and Sohl-Dickstein (2017), Unrolled generative adversarial networks, section 2.2.
    """
    weights: dict[str, Tensor] = {
        name: weight for name, weight in discriminator.named_parameters() if weight.requires_grad
    }
    rates = {name: _rate(optimizer, weight) for name, weight in weights.items()}
    for _ in range(check_count(n_steps, "n_steps")):
        logits = [functional_call(discriminator, weights, (x,)) for x in (real, fake)]
        gradients = torch.autograd.grad(
            loss.discriminator(*logits), list(weights.values()), create_graph=True
        )
        weights = {
            name: weight - rates[name] * gradient
            for (name, weight), gradient in zip(weights.items(), gradients, strict=True)
        }
    return lambda x: functional_call(discriminator, weights, (x,))


def _told(discriminator: nn.Module, conditions: Tensor | None) -> Discriminator:
    """The discriminator as a function of examples alone."""
    return discriminator if conditions is None else partial(_call, discriminator, conditions)


def _call(discriminator: nn.Module, conditions: Tensor, x: Tensor) -> Tensor:
    return discriminator(x, conditions)


def _wrong_pairs(
    discriminator: nn.Module, real: Tensor, conditions: Tensor | None, mismatched: Tensor, loss: Loss
) -> Tensor:
    """Logits of real examples under conditions that are not theirs."""
    if conditions is None or mismatched.shape != conditions.shape:
        right = None if conditions is None else tuple(conditions.shape)
        raise ValueError(
            f"mismatched must have the shape of conditions, {right}, got {tuple(mismatched.shape)}"
        )
    if loss.paired:
        raise ValueError(
            "a paired loss compares each real example with one fake, and has no place for mismatched"
        )
    differs = (
        (mismatched != conditions).flatten(1).any(1) if conditions.ndim > 1 else mismatched != conditions
    )
    return discriminator(real[differs], mismatched[differs])


def _fakes(
    generator_network: LatentGenerator, n_samples: int, conditions: Tensor | None, generator: Generator | None
) -> Tensor:
    if not isinstance(generator_network, LatentGenerator):
        raise TypeError(
            f"generator_network must be a LatentGenerator, got {type(generator_network).__name__}; "
            "LatentGenerator(network, latent_dim) makes one"
        )
    z = generator_network.draw_z(n_samples, generator=generator)
    return generator_network(z) if conditions is None else generator_network(z, conditions)


def _rate(optimizer: torch.optim.Optimizer, weight: Tensor) -> Tensor | float:
    """The learning rate of each number of a weight: Adam's divides by the root of the mean squared gradient."""
    groups = [group for group in optimizer.param_groups if any(weight is p for p in group["params"])]
    if not groups:
        raise ValueError("optimizer must be the discriminator's, got one that lacks some of its weights")
    group = groups[0]
    state = optimizer.state.get(weight, {})
    if "exp_avg_sq" not in state:
        return group["lr"]
    correction = 1 - group["betas"][1] ** float(state["step"])
    return group["lr"] / ((state["exp_avg_sq"] / correction).sqrt() + group["eps"])
