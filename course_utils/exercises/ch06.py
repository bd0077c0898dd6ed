"""Exercises of chapter 6: how GANs fail, and what helps.

One convention: a discriminator gives logits and a critic gives scores, high for real examples; losses are to be
minimised, means over the batch.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from course_utils.exercises.exercise import Exercise, Question, seeded, with_names
from course_utils.networks import mlp

__all__ = [
    "all_exercises",
    "clear_winner",
    "dirac_matrix",
    "disjoint",
    "gradient_penalty",
    "loss_slopes",
    "mode_counts",
    "mode_dropping",
    "over_sure",
    "packed",
    "questions",
    "r1_penalty",
    "recall_coin",
    "recall_detach",
    "recall_js",
    "saturation",
    "smaller_steps",
    "wasserstein_1",
    "wgan_cures",
    "where_to_penalise",
    "which_divergence",
]

CHAPTER = "ch06"


# --- wasserstein_1 ----------------------------------------------------------------------------------


def wasserstein_1_reference(x: Tensor, y: Tensor) -> Tensor:
    return (x.sort().values - y.sort().values).abs().mean()  # the smallest to the smallest, and so on


def wasserstein_1_unsorted(x: Tensor, y: Tensor) -> Tensor:
    return (x - y).abs().mean()


def wasserstein_1_means(x: Tensor, y: Tensor) -> Tensor:
    return (x.mean() - y.mean()).abs()


def wasserstein_1_signed(x: Tensor, y: Tensor) -> Tensor:
    return (x.sort().values - y.sort().values).mean()


def wasserstein_1_squares(x: Tensor, y: Tensor) -> Tensor:
    return (x.sort().values - y.sort().values).square().mean()


def wasserstein_1_root(x: Tensor, y: Tensor) -> Tensor:
    return wasserstein_1_squares(x, y).sqrt()


def wasserstein_1_sum(x: Tensor, y: Tensor) -> Tensor:
    return (x.sort().values - y.sort().values).abs().sum()


def wasserstein_1_opposite(x: Tensor, y: Tensor) -> Tensor:
    return (x.sort().values - y.sort(descending=True).values).abs().mean()


def wasserstein_1_one_sorted(x: Tensor, y: Tensor) -> Tensor:
    return (x.sort().values - y).abs().mean()


def wasserstein_1_all_pairs(x: Tensor, y: Tensor) -> Tensor:
    return (x[:, None] - y).abs().mean()


def wasserstein_1_nearest(x: Tensor, y: Tensor) -> Tensor:
    return (x[:, None] - y).abs().amin(1).mean()


def wasserstein_1_largest(x: Tensor, y: Tensor) -> Tensor:
    return (x.sort().values - y.sort().values).abs().amax()


wasserstein_1 = Exercise(
    "wasserstein_1",
    chapter=CHAPTER,
    task="The Wasserstein-1 distance of two samples on a line, x and y of shape (n,) both: the least mean distance "
    "over which points of x have to be moved to become those of y. One number, in units of x.",
    reference=wasserstein_1_reference,
    cases=lambda: [
        (seeded(7), 0.5 * seeded(7, seed=1) + 0.3),
        (3 * seeded(10, seed=2), seeded(10, seed=3)),
        (seeded(6, seed=4), seeded(6, seed=5) + 5),
    ],
    mistakes={
        "unsorted": (
            wasserstein_1_unsorted,
            "The points are paired in the order in which they come, so another order gives another distance. The "
            "cheapest pairing on a line is that of the sorted points.",
        ),
        "one_sorted": (
            wasserstein_1_one_sorted,
            "Only x is sorted. The smallest of x goes to the smallest of y, and so on: sort both.",
        ),
        "means": (
            wasserstein_1_means,
            "This is the distance of the means. Two samples with one mean and different widths would have the distance "
            "0; it is right only if all points move the same way.",
        ),
        "signed": (
            wasserstein_1_signed,
            "Sorted, but without the absolute value: ways to the left and to the right cancel, and only the difference "
            "of the means is left.",
        ),
        "squares": (
            wasserstein_1_squares,
            "These are squared distances: that is the Wasserstein-2 distance, squared. Take absolute values.",
        ),
        "root_of_squares": (
            wasserstein_1_root,
            "This is the Wasserstein-2 distance, the root of the mean square. For Wasserstein-1 take the mean of the "
            "absolute values.",
        ),
        "sum": (
            wasserstein_1_sum,
            "This is the sum of the ways, which grows with the number of points. Each carries the mass 1/n: take the "
            "mean.",
        ),
        "opposite": (
            wasserstein_1_opposite,
            "One of the two is sorted downwards: the smallest goes to the largest, the most expensive pairing.",
        ),
        "all_pairs": (
            wasserstein_1_all_pairs,
            "This is the mean over all pairs, which is not 0 even if x and y are equal. Each point goes to one place.",
        ),
        "nearest": (
            wasserstein_1_nearest,
            "Each point goes to its nearest one, so that many may go to the same place and others get none. A "
            "generator that makes one mode only would pay little. Each point of y has to be reached by one of x.",
        ),
        "largest": (
            wasserstein_1_largest,
            "This is the longest way (Wasserstein-∞). Take the mean of all ways.",
        ),
    },
    hints=[
        "Which point of x goes to which of y? If two ways cross, exchanging their ends never makes them longer.",
        "x.sort().values and y.sort().values, then the mean of the absolute differences.",
    ],
)


# --- loss_slopes ------------------------------------------------------------------------------------


class Slopes(NamedTuple):
    """The derivative of each loss."""

    minimax: Tensor
    non_saturating: Tensor


def loss_slopes_reference(fake_logits: Tensor) -> tuple[Tensor, Tensor]:
    minimax = -torch.sigmoid(fake_logits)  # of log(1 - D): 0 where D is near 0
    non_saturating = -torch.sigmoid(-fake_logits)  # of -log D: -(1 - D), 0 where D is near 1
    return minimax, non_saturating


def loss_slopes_swapped(fake_logits: Tensor) -> tuple[Tensor, Tensor]:
    return -torch.sigmoid(-fake_logits), -torch.sigmoid(fake_logits)


def loss_slopes_sign(fake_logits: Tensor) -> tuple[Tensor, Tensor]:
    return torch.sigmoid(fake_logits), torch.sigmoid(-fake_logits)


def loss_slopes_non_saturating_sign(fake_logits: Tensor) -> tuple[Tensor, Tensor]:
    return -torch.sigmoid(fake_logits), torch.sigmoid(-fake_logits)


def loss_slopes_minimax_sign(fake_logits: Tensor) -> tuple[Tensor, Tensor]:
    return torch.sigmoid(fake_logits), -torch.sigmoid(-fake_logits)


def loss_slopes_to_probability(fake_logits: Tensor) -> tuple[Tensor, Tensor]:
    d = torch.sigmoid(fake_logits)
    return -1 / (1 - d), -1 / d


def loss_slopes_chain(fake_logits: Tensor) -> tuple[Tensor, Tensor]:
    slope = torch.sigmoid(fake_logits) * torch.sigmoid(-fake_logits)
    return -slope, -slope


def loss_slopes_losses(fake_logits: Tensor) -> tuple[Tensor, Tensor]:
    return -softplus(fake_logits), softplus(-fake_logits)


def loss_slopes_of_mean(fake_logits: Tensor) -> tuple[Tensor, Tensor]:
    n = fake_logits.numel()
    return -torch.sigmoid(fake_logits) / n, -torch.sigmoid(-fake_logits) / n


def loss_slopes_mean(fake_logits: Tensor) -> tuple[Tensor, Tensor]:
    return -torch.sigmoid(fake_logits).mean(), -torch.sigmoid(-fake_logits).mean()


def loss_slopes_same(fake_logits: Tensor) -> tuple[Tensor, Tensor]:
    return -torch.sigmoid(fake_logits), -torch.sigmoid(fake_logits)


loss_slopes = Exercise(
    "loss_slopes",
    chapter=CHAPTER,
    task="What reaches the generator first: the derivative of its two losses with respect to the logit of a fake, "
    "`minimax, non_saturating`. Minimax is log(1 - D), non-saturating is -log D, with D = sigmoid(logit). "
    "fake_logits may have any shape, both results have the same: one slope for each fake.",
    reference=loss_slopes_reference,
    cases=lambda: [(2 * seeded(7) - 1,), (torch.tensor([[-12.0, -5.0, 0.0], [5.0, 12.0, 1.0]]),)],
    observe=with_names(Slopes),
    mistakes={
        "swapped": (
            loss_slopes_swapped,
            "The two have changed places. It is the minimax loss, log(1 - D), that saturates where D is near 0: its "
            "slope there is -D, nearly 0. That of -log D is -(1 - D), nearly -1.",
        ),
        "sign": (
            loss_slopes_sign,
            "The signs are turned. Both losses fall when the logit rises, since the generator wants its fakes to be "
            "called real: both slopes are negative.",
        ),
        "non_saturating_sign": (
            loss_slopes_non_saturating_sign,
            "The first is right. The second is the slope of log D; the loss is -log D, and falls when the logit rises.",
        ),
        "minimax_sign": (
            loss_slopes_minimax_sign,
            "The second is right. The first is the slope of -log(1 - D), the discriminator's term. The generator's is "
            "log(1 - D), which falls when the logit rises.",
        ),
        "to_the_probability": (
            loss_slopes_to_probability,
            "These are derivatives with respect to D, and seem to explode. The network gives the logit: multiply by "
            "dD/dlogit = D(1 - D).",
        ),
        "derivative_of_d": (
            loss_slopes_chain,
            "This is minus the derivative of D itself. The logarithm is missing: d log D = dD/D, and "
            "d log(1 - D) = -dD/(1 - D).",
        ),
        "losses": (
            loss_slopes_losses,
            "These are the losses. Their derivatives with respect to the logit are asked for.",
        ),
        "of_the_mean": (
            loss_slopes_of_mean,
            "These are the slopes of the mean over the batch, divided by the number of fakes. Give those of each "
            "fake's own loss.",
        ),
        "mean": (
            loss_slopes_mean,
            "These are means over the batch. Give one slope for each fake.",
        ),
        "same": (
            loss_slopes_same,
            "The first is right, and the second is the same again. For -log D it is -(1 - D), large where D is near 0.",
        ),
    },
    hints=[
        "dD/dlogit = D(1 - D), and d log u = du/u. What is left of D(1 - D) in each?",
        "minimax: -D(1 - D)/(1 - D) = -D; non-saturating: -D(1 - D)/D = -(1 - D).",
    ],
)


# --- gradient_penalty -------------------------------------------------------------------------------

BETWEEN = "between real and fake, each example with an ε of its own"


class Probe(nn.Module):
    """A critic with another slope on each side of the plane x₀ = 0, which remembers the points that it is shown.

    Its gradient is `weight`, or `factor` times that where x₀ < 0, and does not depend on x otherwise.
    """

    def __init__(self, weight: Tensor, factor: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.factor = factor
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        """(batch, 1) scores."""
        self.seen.append(x.detach())
        times = torch.where(x[:, :1] < 0, self.factor, 1.0)
        return times * (x @ self.weight)[:, None]


class Penalised(NamedTuple):
    """What the check of `gradient_penalty` looks at."""

    points: str
    value: Any
    gradient_to_the_critic: Tensor


def penalised(function: Callable[..., Any], critic: Probe, real: Tensor, fake: Tensor) -> Penalised:
    """Where the penalty looks, what it is, and how it moves with the critic's weights."""
    critic.seen.clear()
    try:
        value = function(critic, real, fake)
    except RuntimeError as error:
        if "does not require grad" not in str(error):
            raise
        raise RuntimeError(
            "the points need .requires_grad_() before the critic sees them, or nothing can be differentiated "
            "with respect to them"
        ) from error
    gradient = torch.zeros_like(critic.weight)
    if isinstance(value, Tensor) and value.requires_grad:
        gradient = torch.autograd.grad(value.sum(), critic.weight)[0]
    return Penalised(where(torch.cat(critic.seen or [real[:0]]), real, fake), value, gradient)


def where(points: Tensor, real: Tensor, fake: Tensor) -> str:
    """Where the critic was asked, in words.

    Uniform means that the distribution function of ε is nowhere further than 2.2/√n from a straight line. True
    draws are further in about one check of 8,000.
    """
    if len(points) != len(real):
        return f"{len(points)} for {len(real)} pairs"
    way = real - fake
    epsilon = ((points - fake) * way).sum(1) / way.square().sum(
        1
    )  # (n,), 0 at the fake and 1 at the real one
    if not torch.allclose(fake + epsilon[:, None] * way, points, atol=1e-4):
        return "not on the lines between real and fake"
    low, high = epsilon.aminmax()
    if high - low < 1e-4:
        ends = {0: "at the fakes", 1: "at the real examples", 0.5: "halfway between real and fake"}
        return next((words for end, words in ends.items() if abs(high - end) < 1e-4), "the same ε for all")
    if low < -1e-4 or high > 1 + 1e-4:
        return "on the lines through real and fake, also beyond them"
    steps = torch.arange(1, len(epsilon) + 1) / len(epsilon)
    if (epsilon.sort().values - steps).abs().max() > 2.2 / len(epsilon) ** 0.5:
        return "between real and fake, but ε is not uniform"
    return BETWEEN


def gradient_penalty_reference(critic: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    epsilon = torch.rand(len(real), 1)  # uniform, one for each example
    x = (epsilon * real + (1 - epsilon) * fake).requires_grad_()  # (batch, d)
    (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)  # (batch, d)
    norm = (gradient.square().sum(1) + 1e-12).sqrt()  # (batch,); the root alone has no derivative at 0
    return (norm - 1).square().mean()


def slopes_at(critic: nn.Module, x: Tensor, *, create_graph: bool = True) -> Tensor:
    """The gradient of the critic at each point, (batch, d)."""
    x = x.detach().requires_grad_()
    return torch.autograd.grad(critic(x).sum(), x, create_graph=create_graph)[0]


def norms(gradient: Tensor) -> Tensor:
    """Length of each row; its derivative at 0 is 0."""
    return (gradient.square().sum(1) + 1e-12).sqrt()


def between(real: Tensor, fake: Tensor) -> Tensor:
    """A random point on the line between each pair."""
    epsilon = torch.rand(len(real), 1)
    return epsilon * real + (1 - epsilon) * fake


def gp_at(points: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """The right penalty at other points."""

    def gradient_penalty(critic: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        return (norms(slopes_at(critic, points(real, fake))) - 1).square().mean()

    return gradient_penalty


def gp_of(penalty: Callable[[Tensor], Tensor], *, create_graph: bool = True) -> Callable[..., Tensor]:
    """Another penalty of the gradients (batch, d), at the right points."""

    def gradient_penalty(critic: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        return penalty(slopes_at(critic, between(real, fake), create_graph=create_graph))

    return gradient_penalty


def gradient_penalty_cases() -> list[tuple[Probe, Tensor, Tensor]]:
    """Critics that are steep, shallow, and flat. Real and fake of a pair have one x₀, so ε changes no slope."""
    cases = []
    for seed, (n, scale, factor) in enumerate([(400, 1.2, -2.0), (300, 0.3, 2.0), (350, 0.0, 1.0)]):
        d = 3 + seed
        real, fake = seeded(n, d, seed=seed + 10), 2 * seeded(n, d, seed=seed + 20) + 1
        fake[:, 0] = real[:, 0]
        cases.append((Probe(scale * seeded(d, seed=seed + 30), factor), real, fake))
    return cases


gradient_penalty = Exercise(
    "gradient_penalty",
    chapter=CHAPTER,
    task="The gradient penalty E[(‖∇ critic(x̂)‖ - 1)²] at x̂ = ε·real + (1 - ε)·fake, ε ~ U[0, 1]: critic(x) gives "
    "(batch, 1) scores, real and fake are (batch, d); one number, without the weight λ. It has to be differentiable "
    "with respect to the critic's weights, also where its gradient is 0. Draw ε yourself, with torch.rand.",
    reference=gradient_penalty_reference,
    cases=gradient_penalty_cases,
    observe=penalised,
    mistakes={
        "normal": (
            gp_at(lambda real, fake: fake + torch.randn(len(real), 1) * (real - fake)),
            "ε is normal, so many points lie beyond real and fake: torch.randn. It has to be uniform on [0, 1]: "
            "torch.rand.",
        ),
        "one_for_the_batch": (
            gp_at(lambda real, fake: fake + torch.rand(1) * (real - fake)),
            "All pairs have the same ε, so each step looks at one cut between real and fake. Draw one for each "
            "example: torch.rand(len(real), 1).",
        ),
        "one_for_each_coordinate": (
            gp_at(lambda real, fake: fake + torch.rand_like(real) * (real - fake)),
            "Each coordinate has an ε of its own, so the points fill a box and miss the line between real and fake. "
            "Draw one for each example, (batch, 1).",
        ),
        "only_real": (
            gp_at(lambda real, fake: real),
            "The slope is held at the real examples only. (That is where R1 looks.) Here it is held at random points "
            "between real and fake.",
        ),
        "only_fake": (
            gp_at(lambda real, fake: fake),
            "The slope is held at the fakes only. (That is where R2 looks.) Here it is held at random points between "
            "real and fake.",
        ),
        "both_ends": (
            gp_at(lambda real, fake: torch.cat([real, fake])),
            "The slope is held at real examples and at fakes, and may be anything in between, which is where the "
            "generator has to pass. Draw one point on each line.",
        ),
        "halfway": (
            gp_at(lambda real, fake: 0.5 * (real + fake)),
            "All points lie halfway. ε is random, uniform on [0, 1], one for each example.",
        ),
        "not_differentiable": (
            gp_of(lambda g: (norms(g) - 1).square().mean(), create_graph=False),
            "The value is right, but it has no gradient, so the critic cannot learn from it: "
            "torch.autograd.grad(..., create_graph=True), and no detach() afterwards.",
        ),
        "nan_at_0": (
            gp_of(lambda g: (g.square().sum(1).sqrt() - 1).square().mean()),
            "Right, except where the critic is flat: the root has no derivative at 0, and all weights become NaN. Add "
            "a tiny number under the root, such as 1e-12, or call norm(dim=1).",
        ),
        "no_root": (
            gp_of(lambda g: (g.square().sum(1) - 1).square().mean()),
            "This is (‖∇‖² - 1)²: the root is missing. The norm itself has to be 1, and with squares a steep critic "
            "pays far too much.",
        ),
        "whole_batch": (
            gp_of(lambda g: (g.norm() - 1).square()),
            "This is one norm over the whole batch, which grows with the number of examples. Each example has a norm "
            "of its own: norm(dim=1).",
        ),
        "over_the_examples": (
            gp_of(lambda g: ((g.square().sum(0) + 1e-12).sqrt() - 1).square().mean()),
            "The norm is taken over the examples, one for each coordinate. Take it over the coordinates: dimension 1.",
        ),
        "mean_gradient": (
            gp_of(lambda g: ((g.mean(0).square().sum() + 1e-12).sqrt() - 1).square()),
            "The gradients are averaged over the batch before the norm is taken: steep and shallow places cancel. "
            "First the norm and the penalty of each example, then the mean.",
        ),
        "mean_norm": (
            gp_of(lambda g: (norms(g).mean() - 1).square()),
            "The norms are averaged before the 1 is subtracted: steep and shallow places cancel. The square belongs to "
            "each example, then comes the mean.",
        ),
        "coordinate_mean": (
            gp_of(lambda g: ((g.square().mean(1) + 1e-12).sqrt() - 1).square().mean()),
            "The squares are averaged over the coordinates, so that the slope may be √d. A norm sums them.",
        ),
        "of_the_mean_score": (
            gp_of(lambda g: (norms(g / len(g)) - 1).square().mean()),
            "The gradients are n times too small, as if of the *mean* score: differentiate the sum, or pass "
            "grad_outputs of ones. Then each example has its own gradient.",
        ),
        "no_one": (
            gp_of(lambda g: norms(g).mean()),
            "This is the mean norm: it pulls the slope to 0. It has to be pulled to 1: subtract 1, then square.",
        ),
        "towards_0": (
            gp_of(lambda g: norms(g).square().mean()),
            "This pulls the slope to 0, as R1 and R2 do. It has to be pulled to 1: subtract 1 from the norm before you "
            "square.",
        ),
        "not_squared": (
            gp_of(lambda g: (norms(g) - 1).mean()),
            "The square is missing: a critic that is too shallow would be rewarded for it.",
        ),
        "sum": (
            gp_of(lambda g: (norms(g) - 1).square().sum()),
            "This is the sum over the batch. Take the mean, so that the weight λ does not depend on the batch size.",
        ),
        "one_sided": (
            gp_of(lambda g: (norms(g) - 1).relu().square().mean()),
            "Only slopes above 1 cost here. That is the one-sided penalty, which has its merits; asked for is the "
            "two-sided one, as in the paper.",
        ),
        "with_lambda": (
            gp_of(lambda g: 10 * (norms(g) - 1).square().mean()),
            "The weight λ = 10 is in it. Give the penalty alone; the loop weighs it.",
        ),
        "not_averaged": (
            gp_of(lambda g: (norms(g) - 1).square()),
            "Right for each example. One number is asked for: the mean over the batch.",
        ),
    },
    hints=[
        "Points first: ε of shape (batch, 1), then requires_grad_(). torch.autograd.grad of the *summed* scores gives "
        "each example's own gradient.",
        "epsilon = torch.rand(len(real), 1); x = (epsilon * real + (1 - epsilon) * fake).requires_grad_(); "
        "torch.autograd.grad(critic(x).sum(), x, create_graph=True)[0].norm(dim=1).",
    ],
)


# --- r1_penalty -------------------------------------------------------------------------------------


class PenaltyAndGradient(NamedTuple):
    """The penalty, and how it moves with the discriminator's weights."""

    value: Any
    gradient_to_the_discriminator: Tensor


def penalty_and_gradient(
    function: Callable[..., Any], discriminator: nn.Module, real: Tensor
) -> PenaltyAndGradient:
    """Zeros for the gradient where the function cuts it."""
    value = function(discriminator, real)
    weights = list(discriminator.parameters())
    found: list[Tensor | None] = [None] * len(weights)
    if isinstance(value, Tensor) and value.requires_grad:
        found = list(torch.autograd.grad(value.sum(), weights, allow_unused=True))
    filled = [torch.zeros_like(w) if g is None else g for w, g in zip(weights, found, strict=True)]
    return PenaltyAndGradient(value, nn.utils.parameters_to_vector(filled))


def r1_penalty_reference(discriminator: nn.Module, real: Tensor) -> Tensor:
    x = real.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(discriminator(x).sum(), x, create_graph=True)  # (batch, d)
    return gradient.square().sum(1).mean()


def r1_of(penalty: Callable[[Tensor], Tensor], *, create_graph: bool = True) -> Callable[..., Tensor]:
    """Another penalty of the gradients (batch, d)."""

    def r1_penalty(discriminator: nn.Module, real: Tensor) -> Tensor:
        return penalty(slopes_at(discriminator, real, create_graph=create_graph))

    return r1_penalty


def r1_penalty_sigmoid(discriminator: nn.Module, real: Tensor) -> Tensor:
    return r1_penalty_reference(nn.Sequential(discriminator, nn.Sigmoid()), real)


def r1_penalty_log(discriminator: nn.Module, real: Tensor) -> Tensor:
    return r1_penalty_reference(nn.Sequential(discriminator, nn.LogSigmoid()), real)


def r1_penalty_weights(discriminator: nn.Module, real: Tensor) -> Tensor:
    weights = list(discriminator.parameters())
    gradients = torch.autograd.grad(discriminator(real).sum(), weights, create_graph=True)
    return nn.utils.parameters_to_vector(gradients).square().sum()


def r1_penalty_cases() -> list[tuple[nn.Module, Tensor]]:
    """Small discriminators, the same at every call."""
    cases: list[tuple[nn.Module, Tensor]] = []
    for seed, (n, d) in enumerate([(6, 2), (5, 3)]):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = mlp([d, 8, 1], activation=nn.Tanh)
        for weight in network.parameters():
            weight.data.mul_(2)
        cases.append((network, seeded(n, d, seed=seed)))
    return cases


r1_penalty = Exercise(
    "r1_penalty",
    chapter=CHAPTER,
    task="R1, E[‖∇ₓ logit(x)‖²] over real examples, without its weight γ/2: discriminator(x) gives (batch, 1) logits, "
    "real is (batch, d); one number. It has to be differentiable with respect to the discriminator's weights.",
    reference=r1_penalty_reference,
    cases=r1_penalty_cases,
    observe=penalty_and_gradient,
    mistakes={
        "of_the_probability": (
            r1_penalty_sigmoid,
            "This differentiates D = sigmoid(logit). Where D is sure its slope vanishes, and the penalty with it: take "
            "the logit itself.",
        ),
        "of_the_logarithm": (
            r1_penalty_log,
            "This differentiates log D. Take the logit itself, which the network gives.",
        ),
        "coordinate_mean": (
            r1_of(lambda g: g.square().mean()),
            "This averages over the coordinates as well, so it is too small by the factor d. A squared norm sums over "
            "coordinates; the mean is over examples.",
        ),
        "of_the_mean_logit": (
            r1_of(lambda g: (g / len(g)).square().sum(1).mean()),
            "The gradients are those of the *mean* logit, n times too small, and squared n² times. Differentiate the "
            "sum of the logits: then each example has its own gradient.",
        ),
        "not_differentiable": (
            r1_of(lambda g: g.square().sum(1).mean(), create_graph=False),
            "The value is right, but it has no gradient, so the discriminator cannot learn from it: "
            "torch.autograd.grad(..., create_graph=True), and no detach() afterwards.",
        ),
        "not_squared": (
            r1_of(lambda g: g.norm(dim=1).mean()),
            "This is the mean norm. R1 has its square: the pull to 0 then fades as the slope does.",
        ),
        "towards_1": (
            r1_of(lambda g: (g.norm(dim=1) - 1).square().mean()),
            "This pulls the slope to 1, as the gradient penalty of a critic does. R1 pulls it to 0: at the "
            "equilibrium a discriminator is flat.",
        ),
        "half": (
            r1_of(lambda g: 0.5 * g.square().sum(1).mean()),
            "Exactly half the right value. The ½ belongs to the weight, γ/2; give the penalty without it.",
        ),
        "sum": (
            r1_of(lambda g: g.square().sum()),
            "This is the sum over the batch. Take the mean, so that γ does not depend on the batch size.",
        ),
        "mean_gradient": (
            r1_of(lambda g: g.mean(0).square().sum()),
            "The gradients are averaged over the batch before they are squared: slopes in opposite directions cancel. "
            "First the squared norm of each example, then the mean.",
        ),
        "mean_norm_squared": (
            r1_of(lambda g: g.norm(dim=1).mean().square()),
            "The mean is taken before the square. R1 is the mean of the squared norms.",
        ),
        "to_the_weights": (
            r1_penalty_weights,
            "This is the gradient with respect to the weights. R1 asks how the logit changes with x: differentiate "
            "with respect to the examples.",
        ),
        "not_averaged": (
            r1_of(lambda g: g.square().sum(1)),
            "Right for each example. One number is asked for: the mean over the batch.",
        ),
    },
    hints=[
        "x = real.detach().requires_grad_(), and torch.autograd.grad of the summed logits with respect to x.",
        "With create_graph=True; then .square().sum(1).mean().",
    ],
)


# --- dirac_matrix -----------------------------------------------------------------------------------


def dirac_matrix_reference(learning_rate: float, gamma: float) -> Tensor:
    h = learning_rate
    # Critic's loss ψθ + ½γψ²: its slope in ψ is θ + γψ. Generator's loss -ψθ: its slope in θ is -ψ.
    return torch.tensor([[1.0, h], [-h, 1 - h * gamma]])  # θ + hψ, ψ - h(θ + γψ)


def dirac_matrix_turned(learning_rate: float, gamma: float) -> Tensor:
    h = learning_rate
    return torch.tensor([[1.0, -h], [h, 1 - h * gamma]])


def dirac_matrix_cooperative(learning_rate: float, gamma: float) -> Tensor:
    h = learning_rate
    return torch.tensor([[1.0, -h], [-h, 1 - h * gamma]])


def dirac_matrix_generators_loss(learning_rate: float, gamma: float) -> Tensor:
    h = learning_rate
    return torch.tensor([[1.0, h], [h, 1 - h * gamma]])


def dirac_matrix_critic_first(learning_rate: float, gamma: float) -> Tensor:
    h = learning_rate
    return torch.tensor([[1 - h * h, h * (1 - h * gamma)], [-h, 1 - h * gamma]])


def dirac_matrix_generator_first(learning_rate: float, gamma: float) -> Tensor:
    h = learning_rate
    return torch.tensor([[1.0, h], [-h, 1 - h * gamma - h * h]])


def dirac_matrix_gamma_alone(learning_rate: float, gamma: float) -> Tensor:
    h = learning_rate
    return torch.tensor([[1.0, h], [-h, 1 - gamma]])


def dirac_matrix_gamma_doubled(learning_rate: float, gamma: float) -> Tensor:
    return dirac_matrix_reference(learning_rate, 2 * gamma)


def dirac_matrix_gamma_halved(learning_rate: float, gamma: float) -> Tensor:
    return dirac_matrix_reference(learning_rate, gamma / 2)


def dirac_matrix_gamma_sign(learning_rate: float, gamma: float) -> Tensor:
    return dirac_matrix_reference(learning_rate, -gamma)


def dirac_matrix_no_gamma(learning_rate: float, gamma: float) -> Tensor:
    return dirac_matrix_reference(learning_rate, 0.0)


def dirac_matrix_gamma_on_generator(learning_rate: float, gamma: float) -> Tensor:
    h = learning_rate
    return torch.tensor([[1 - h * gamma, h], [-h, 1.0]])


def dirac_matrix_gamma_on_both(learning_rate: float, gamma: float) -> Tensor:
    h = learning_rate
    return torch.tensor([[1 - h * gamma, h], [-h, 1 - h * gamma]])


def dirac_matrix_change(learning_rate: float, gamma: float) -> Tensor:
    return dirac_matrix_reference(learning_rate, gamma) - torch.eye(2)


def dirac_matrix_field(learning_rate: float, gamma: float) -> Tensor:
    return torch.tensor([[0.0, 1.0], [-1.0, -gamma]])


def dirac_matrix_flow(learning_rate: float, gamma: float) -> Tensor:
    return torch.linalg.matrix_exp(learning_rate * dirac_matrix_field(learning_rate, gamma))


def dirac_matrix_order(learning_rate: float, gamma: float) -> Tensor:
    return dirac_matrix_reference(learning_rate, gamma).flip(0, 1)


dirac_matrix = Exercise(
    "dirac_matrix",
    chapter=CHAPTER,
    task="The smallest GAN: all data lie at 0, the generator puts all its mass at θ, and the critic is the line ψ·x. "
    "The critic's loss is its score of the fake minus that of the real example, plus the R1 penalty ½·gamma·ψ²; the "
    "generator's loss is minus the score of the fake. Both make one step of gradient descent *at the same time*, with "
    "the same learning rate. Give the matrix M, a tensor (2, 2), that takes (θ, ψ) to the next (θ, ψ).",
    reference=dirac_matrix_reference,
    cases=[(0.1, 0.0), (0.2, 0.5), (0.5, 1.5)],
    mistakes={
        "turned": (
            dirac_matrix_turned,
            "The signs beside the diagonal are turned: this is the transpose, or both players go *up* their losses. "
            "The generator's loss is -ψθ, so θ moves by +hψ; the critic's is ψθ, so ψ moves by -hθ.",
        ),
        "one_loss": (
            dirac_matrix_cooperative,
            "Both players descend the same loss, ψθ, so they work together. The generator's loss is -ψθ, so θ moves by "
            "+hψ.",
        ),
        "generators_loss": (
            dirac_matrix_generators_loss,
            "θ moves as it should, but ψ moves by +hθ, as if the critic too wanted fakes to score high. Its loss is "
            "ψθ, so ψ moves by -hθ.",
        ),
        "critic_first": (
            dirac_matrix_critic_first,
            "Here the critic moves first, and the generator answers to its new ψ: alternating steps. Asked for are "
            "simultaneous ones, from the same (θ, ψ). (The difference matters: see the eigenvalues.)",
        ),
        "generator_first": (
            dirac_matrix_generator_first,
            "Here the generator moves first, and the critic answers to its new θ: alternating steps. Asked for are "
            "simultaneous ones, from the same (θ, ψ). (The difference matters: see the eigenvalues.)",
        ),
        "gamma_alone": (
            dirac_matrix_gamma_alone,
            "The penalty is not multiplied by the learning rate: its slope γψ is a part of the gradient, so ψ moves by "
            "-hγψ.",
        ),
        "gamma_doubled": (
            dirac_matrix_gamma_doubled,
            "The penalty counts double: the slope of ½γψ² is γψ.",
        ),
        "gamma_halved": (
            dirac_matrix_gamma_halved,
            "The penalty counts half: the slope of ½γψ² is γψ, the ½ is gone.",
        ),
        "gamma_sign": (
            dirac_matrix_gamma_sign,
            "The penalty makes ψ larger. It is a part of the loss, which is descended: ψ moves by -hγψ.",
        ),
        "no_gamma": (
            dirac_matrix_no_gamma,
            "Right without the penalty. With it ψ also moves by -hγψ, the slope of ½γψ².",
        ),
        "gamma_on_the_generator": (
            dirac_matrix_gamma_on_generator,
            "The penalty holds θ. It is a part of the critic's loss, and holds ψ: the second row.",
        ),
        "gamma_on_both": (
            dirac_matrix_gamma_on_both,
            "The penalty holds both players. It is a part of the critic's loss only: the second row.",
        ),
        "change": (
            dirac_matrix_change,
            "This gives the change of (θ, ψ). Asked for is where they are next: add the identity.",
        ),
        "field": (
            dirac_matrix_field,
            "This is the direction in which both move. One step goes h along it, from where they are: the identity "
            "plus h times this.",
        ),
        "exact_flow": (
            dirac_matrix_flow,
            "This is the exact solution of the differential equation after the time h. A step of gradient descent goes "
            "along a straight line: the identity plus h times the matrix, without the exponential.",
        ),
        "order": (
            dirac_matrix_order,
            "This acts on (ψ, θ). Asked for is (θ, ψ): the first row is the generator's.",
        ),
    },
    hints=[
        "Write the two losses as formulas in θ and ψ: the score of the fake is ψθ, that of the real example is 0. Each "
        "player differentiates its own loss with respect to its own number.",
        "θ + hψ, and ψ - h(θ + γψ): read off what stands before θ and ψ in each.",
    ],
)


# --- mode_counts ------------------------------------------------------------------------------------


class Counts(NamedTuple):
    """How many modes are reached, and how many points are good."""

    n_modes: Any
    high_quality: Any


def mode_counts_reference(samples: Tensor, modes: Tensor, std: float) -> tuple[int, float]:
    distance, nearest = torch.cdist(samples, modes).min(1)  # (n,) both
    good = distance <= 3 * std
    return len(nearest[good].unique()), good.double().mean().item()


def counted_by(samples: Tensor, modes: Tensor, radius: float) -> tuple[int, float]:
    """The two numbers with another radius."""
    return mode_counts_reference(samples, modes, radius / 3)


def mode_counts_any_quality(samples: Tensor, modes: Tensor, std: float) -> tuple[int, float]:
    nearest = torch.cdist(samples, modes).argmin(1)
    return len(nearest.unique()), mode_counts_reference(samples, modes, std)[1]


def mode_counts_box(samples: Tensor, modes: Tensor, std: float) -> tuple[int, float]:
    distance, nearest = (samples[:, None] - modes).abs().amax(2).min(1)
    good = distance <= 3 * std
    return len(nearest[good].unique()), good.double().mean().item()


def mode_counts_one_norm(samples: Tensor, modes: Tensor, std: float) -> tuple[int, float]:
    distance, nearest = (samples[:, None] - modes).abs().sum(2).min(1)
    good = distance <= 3 * std
    return len(nearest[good].unique()), good.double().mean().item()


def mode_counts_squared(samples: Tensor, modes: Tensor, std: float) -> tuple[int, float]:
    return counted_by(samples, modes, (3 * std) ** 0.5)


def mode_counts_variance(samples: Tensor, modes: Tensor, std: float) -> tuple[int, float]:
    return counted_by(samples, modes, 3 * std**2)


def mode_counts_one_std(samples: Tensor, modes: Tensor, std: float) -> tuple[int, float]:
    return counted_by(samples, modes, std)


def mode_counts_no_std(samples: Tensor, modes: Tensor, std: float) -> tuple[int, float]:
    return counted_by(samples, modes, 3.0)


def mode_counts_share_of_modes(samples: Tensor, modes: Tensor, std: float) -> tuple[int, float]:
    n_modes, _ = mode_counts_reference(samples, modes, std)
    return n_modes, n_modes / len(modes)


def mode_counts_both_shares(samples: Tensor, modes: Tensor, std: float) -> tuple[float, float]:
    n_modes, high_quality = mode_counts_reference(samples, modes, std)
    return n_modes / len(modes), high_quality


def mode_counts_number(samples: Tensor, modes: Tensor, std: float) -> tuple[int, float]:
    n_modes, high_quality = mode_counts_reference(samples, modes, std)
    return n_modes, high_quality * len(samples)


def mode_counts_percent(samples: Tensor, modes: Tensor, std: float) -> tuple[int, float]:
    n_modes, high_quality = mode_counts_reference(samples, modes, std)
    return n_modes, 100 * high_quality


def mode_counts_all_pairs(samples: Tensor, modes: Tensor, std: float) -> tuple[int, float]:
    n_modes, _ = mode_counts_reference(samples, modes, std)
    return n_modes, (torch.cdist(samples, modes) <= 3 * std).double().mean().item()


def mode_counts_low(samples: Tensor, modes: Tensor, std: float) -> tuple[int, float]:
    n_modes, high_quality = mode_counts_reference(samples, modes, std)
    return n_modes, 1 - high_quality


def mode_counts_order(samples: Tensor, modes: Tensor, std: float) -> tuple[float, int]:
    n_modes, high_quality = mode_counts_reference(samples, modes, std)
    return high_quality, n_modes


def mode_counts_cases() -> list[tuple[Tensor, Tensor, float]]:
    """A ring with two modes that are missing and one that has only bad points; a grid with one mode left."""
    angles = 2 * torch.pi * torch.arange(8) / 8
    ring = torch.stack([angles.cos(), angles.sin()], 1)
    corner = 0.05 * torch.tensor([2.5, 2.5])  # within 3 std in each coordinate, 3.5 std away
    on_ring = torch.cat(
        [ring[:5].repeat(6, 1) + 0.05 * seeded(30, 2), ring[5:6] + corner, ring[2:4] + 2 * corner]
    )
    grid = torch.cartesian_prod(torch.arange(3.0), torch.arange(3.0)) * 2
    on_grid = torch.cat([grid[4:5] + 0.2 * seeded(20, 2, seed=1), seeded(12, 2, seed=2) + grid[4:5] + 1])
    return [(on_ring, ring, 0.05), (on_grid, grid, 0.2)]


mode_counts = Exercise(
    "mode_counts",
    chapter=CHAPTER,
    task="How well do samples (n, 2) cover the modes (K, 2), each with standard deviation std in each direction? A "
    "point is of high quality if it lies within 3 std of its nearest mode. Give `n_modes, high_quality`: the number "
    "of modes that are nearest to at least one point of high quality, and the share of such points among all, from 0 "
    "to 1.",
    reference=mode_counts_reference,
    cases=mode_counts_cases,
    observe=with_names(Counts),
    mistakes={
        "any_quality": (
            mode_counts_any_quality,
            "The share is right. A mode counts here as soon as some point is nearest to it, however far away: noise "
            "all over the plane would reach every mode. Only points of high quality count.",
        ),
        "each_coordinate": (
            mode_counts_box,
            "The limit is applied to each coordinate: a square around each mode, whose corners are further away than "
            "3 std. Take the distance in the plane.",
        ),
        "sum_of_coordinates": (
            mode_counts_one_norm,
            "The coordinates' differences are added. The distance in the plane is the root of the sum of their "
            "squares.",
        ),
        "squared_distance": (
            mode_counts_squared,
            "A squared distance is compared with 3 std. Take its root, or compare with (3 std)².",
        ),
        "variance": (
            mode_counts_variance,
            "The limit is 3 times the variance. It is 3 times the standard deviation.",
        ),
        "one_std": (
            mode_counts_one_std,
            "The limit is 1 std, which even a perfect sampler exceeds more often than not in the plane. It is 3 std.",
        ),
        "no_std": (
            mode_counts_no_std,
            "The limit is 3, in units of the plane. It is 3 standard deviations: 3 * std.",
        ),
        "share_of_modes": (
            mode_counts_share_of_modes,
            "The number of modes is right. The second number is a share of the *points*: how many of them are good.",
        ),
        "share_instead_of_number": (
            mode_counts_both_shares,
            "The second is right. The first is a share of the modes; their number is asked for.",
        ),
        "number_of_points": (
            mode_counts_number,
            "The number of modes is right. The second is the number of good points; divide by the number of samples.",
        ),
        "percent": (
            mode_counts_percent,
            "The number of modes is right. The share is in percent; give it from 0 to 1.",
        ),
        "all_pairs": (
            mode_counts_all_pairs,
            "The number of modes is right. The share is taken over all pairs of a point and a mode, so it is K times "
            "too small: first the nearest mode of each point, then the share of points.",
        ),
        "low_quality": (
            mode_counts_low,
            "The number of modes is right. The second is the share of *bad* points.",
        ),
        "order": (
            mode_counts_order,
            "The numbers are right, in the wrong order: first the number of modes, then the share.",
        ),
    },
    hints=[
        "torch.cdist(samples, modes) is (n, K). Its minimum over the modes gives two things, the distance and which "
        "mode.",
        "distance, nearest = torch.cdist(samples, modes).min(1); good = distance <= 3 * std; then how many different "
        "numbers are in nearest[good]?",
    ],
)


# --- packed -----------------------------------------------------------------------------------------


def packed_reference(x: Tensor, size: int) -> Tensor:
    n, d = x.shape
    return x.reshape(n // size, size * d)  # rows 0 to size - 1 side by side, and so on


def packed_far_apart(x: Tensor, size: int) -> Tensor:
    return torch.cat(x.chunk(size), 1)


def packed_coordinates(x: Tensor, size: int) -> Tensor:
    n, d = x.shape
    return x.T.reshape(n // size, size * d)


def packed_by_coordinate(x: Tensor, size: int) -> Tensor:
    n, d = x.shape
    return x.reshape(n // size, size, d).transpose(1, 2).reshape(n // size, size * d)


def packed_size_packs(x: Tensor, size: int) -> Tensor:
    return x.reshape(size, -1)


def packed_stacked(x: Tensor, size: int) -> Tensor:
    return x.reshape(len(x) // size, size, x.shape[1])


def packed_copies(x: Tensor, size: int) -> Tensor:
    return x.repeat(1, size)


def packed_copies_of_some(x: Tensor, size: int) -> Tensor:
    return x[::size].repeat(1, size)


def packed_mean(x: Tensor, size: int) -> Tensor:
    return x.reshape(len(x) // size, size, x.shape[1]).mean(1)


def packed_overlapping(x: Tensor, size: int) -> Tensor:
    return torch.cat([x.roll(-i, 0) for i in range(size)], 1)


packed = Exercise(
    "packed",
    chapter=CHAPTER,
    task="Packing: turn a batch x (n, d) into packs for a discriminator that judges `size` examples at once, (n / "
    "size, size·d). The first pack is rows 0 to size - 1 side by side, the next one the `size` rows after them. size "
    "divides n.",
    reference=packed_reference,
    cases=lambda: [(seeded(6, 2), 2), (seeded(12, 3, seed=1), 4)],
    mistakes={
        "far_apart": (
            packed_far_apart,
            "Whole examples are packed, but others: rows 0 and n/size, not 0 and 1. In a random batch that would be as "
            "good; asked for are rows that follow one another.",
        ),
        "transposed": (
            packed_coordinates,
            "The coordinates are torn apart: a row now has one coordinate of many examples. The batch is stored row by "
            "row, so reshape needs no transpose.",
        ),
        "by_coordinate": (
            packed_by_coordinate,
            "The right examples are in each pack, but sorted by coordinate. Put them side by side, one whole example "
            "after the other.",
        ),
        "size_packs": (
            packed_size_packs,
            "This makes `size` packs. It is each pack that holds `size` examples; there are n / size packs.",
        ),
        "stacked": (
            packed_stacked,
            "Packed, but not side by side: (n / size, size, d). The discriminator takes (n / size, size·d).",
        ),
        "copies": (
            packed_copies,
            "Each example stands beside itself. A pack of copies says nothing about variety: put different examples "
            "side by side.",
        ),
        "copies_of_some": (
            packed_copies_of_some,
            "One example of each pack is repeated, the others are gone. A pack holds `size` different examples.",
        ),
        "mean": (
            packed_mean,
            "This averages each pack, so that the discriminator sees no single example. Put them side by side.",
        ),
        "overlapping": (
            packed_overlapping,
            "Each example begins a pack of its own, so it is in `size` packs. There are n / size packs, and each "
            "example is in one.",
        ),
    },
    hints=[
        "A tensor (n, d) is stored row by row. Which one call puts `size` rows into one?",
        "x.reshape(len(x) // size, size * x.shape[1]).",
    ],
)


all_exercises = [
    wasserstein_1,
    loss_slopes,
    gradient_penalty,
    r1_penalty,
    dirac_matrix,
    mode_counts,
    packed,
]


# --- questions --------------------------------------------------------------------------------------

recall_js = Question(
    "recall_js",
    chapter=CHAPTER,
    text="An *optimal* discriminator has the loss 0.6 nats. What is the Jensen-Shannon divergence of real and fake?",
    choices={
        "a": (
            "log 2 - 0.6/2 ≈ 0.39 nats",
            "The optimal loss is log 4 - 2·JS. With a poorer discriminator the same line gives a lower bound.",
            True,
        ),
        "b": (
            "0.6 nats: the loss is the divergence",
            "The loss falls as the divergence grows: it is log 4 where p = q, and 0 where they do not overlap.",
        ),
        "c": (
            "log 4 - 0.6 ≈ 0.79 nats",
            "That is 2·JS. A divergence of 0.79 nats would also be above log 2, the largest that it can be.",
        ),
    },
)
recall_detach = Question(
    "recall_detach",
    chapter=CHAPTER,
    text="In the discriminator's step someone forgets to detach the fakes. What goes wrong?",
    choices={
        "a": (
            "The discriminator gets the wrong gradient",
            "Its own gradient is the same. What is different lies in the generator.",
        ),
        "b": (
            "Nothing at all: the discriminator's optimizer moves only the discriminator",
            "True of the weights in this step. But the gradient was computed for nothing, and it lies in the generator "
            "until someone zeroes it.",
        ),
        "c": (
            "The generator collects a gradient that makes its fakes easier to detect; if its next step does not zero "
            "it first, that one is used too",
            "And even if it is zeroed, the time for it is lost.",
            True,
        ),
    },
)
recall_coin = Question(
    "recall_coin",
    chapter=CHAPTER,
    text="The generator's loss stands still at log 2, the discriminator's at log 4. Which measurement tells whether "
    "the samples are good?",
    choices={
        "a": (
            "None is needed: log 2 and log 4 are the values at the equilibrium",
            "They are also the values of a discriminator that has learned nothing.",
        ),
        "b": (
            "One that does not ask this discriminator: a fresh one, a Fréchet distance, coverage of the modes",
            "The losses measure the players against each other. A yardstick has to stand outside the game.",
            True,
        ),
        "c": (
            "The discriminator's accuracy on training images",
            "It asks the same discriminator. At D = ½ it is about half, whether the samples are good or D is poor.",
        ),
    },
)
disjoint = Question(
    "disjoint",
    chapter=CHAPTER,
    text="The supports of data and fakes are disjoint. What holds?",
    choices={
        "a": (
            "The discriminator's loss is 0, whichever discriminator it is",
            "Only the optimal one gets there. One that has not finished learning, or is held in bounds, has a larger "
            "loss.",
        ),
        "b": (
            "JS grows the further they are apart",
            "It is log 2 from the moment on at which they do not overlap, whatever the distance. The Wasserstein "
            "distance grows.",
        ),
        "c": (
            "JS is log 2 at any distance; that the discriminator's loss says so needs an optimal discriminator as well",
            "Two statements, often taken for one. Where JS is flat, it cannot tell the generator which way to go.",
            True,
        ),
    },
)
saturation = Question(
    "saturation",
    chapter=CHAPTER,
    text="Early in a training the discriminator is nearly sure of every fake: D(G(z)) ≈ 0.001. Which loss gives the "
    "generator hardly any gradient?",
    choices={
        "a": (
            "log(1 - D): its slope in the logit is -D, here -0.001",
            "It saturates where the generator is bad and the discriminator knows it: just where it is needed.",
            True,
        ),
        "b": (
            "-log D: it is the one with the large value",
            "Its slope in the logit is -(1 - D), here -0.999. A large loss with a strong gradient is no trouble.",
        ),
        "c": (
            "Both, as D is nearly 0",
            "The slopes in the logit are -D and -(1 - D): one nearly 0, the other nearly -1.",
        ),
    },
)
which_divergence = Question(
    "which_divergence",
    chapter=CHAPTER,
    text="With an optimal discriminator the minimax loss follows the gradient of the JS divergence. And the "
    "non-saturating one?",
    choices={
        "a": (
            "The same, only with larger steps",
            "The slopes are -D and -(1 - D): their ratio differs from fake to fake, so the direction differs too.",
        ),
        "b": (
            "That of KL(q ‖ p) - 2·JS, for the generator's q and the data's p: not of JS",
            "Arjovsky and Bottou (2017), theorem 2.5. p = q is a fixed point of both, but the way there "
            "differs. KL(q ‖ p) forgives a q that leaves a mode out.",
            True,
        ),
        "c": (
            "That of KL(p ‖ q), as for maximum likelihood",
            "Its average would be over the data. The generator's loss averages over its own fakes.",
        ),
    },
)
wgan_cures = Question(
    "wgan_cures",
    chapter=CHAPTER,
    text="'We use a WGAN, so there can be no mode dropping.' What do you answer?",
    choices={
        "a": (
            "Right: the Wasserstein distance is 0 only if all modes are there",
            "The distance is. What is trained is a network against a critic of limited size, for limited time, on "
            "small batches.",
        ),
        "b": (
            "Wrong: the Wasserstein distance does not see modes that are missing",
            "It does: their mass has to come from elsewhere, and the way costs. But the distance itself is not what "
            "the training computes.",
        ),
        "c": (
            "It helps against gradients that vanish where supports are disjoint; it is no guarantee that no mode is "
            "dropped. Count them",
            "Two failures, and a cure for one of them. Only coverage, over several seeds, shows the other.",
            True,
        ),
    },
)
mode_dropping = Question(
    "mode_dropping",
    chapter=CHAPTER,
    text="A generator of digits never draws a 7; its other digits are varied, and no copies. What is that?",
    choices={
        "a": (
            "Overfitting: it has learned the training set too well",
            "Then its digits would cling to training images, sevens among them. Here a part of the data is missing.",
        ),
        "b": (
            "Mode dropping: a part of the data's distribution that it never produces",
            "Single pictures do not show it, however long you look. A histogram of the classes, or recall, does.",
            True,
        ),
        "c": (
            "Mode collapse: all z give the same picture",
            "Its digits are varied. Collapse is the extreme, with hardly anything left.",
        ),
    },
)
over_sure = Question(
    "over_sure",
    chapter=CHAPTER,
    text="On the ring of Gaussians 99.9 % of 2,500 generated points lie within 3 standard deviations of a mode, and "
    "all 8 modes are there. How good is that?",
    choices={
        "a": (
            "Too good: of true samples 98.9 % lie there, so the modes are filled too narrowly",
            "With 2,500 points chance moves that share by about 0.2 percentage points. Look at the spread within the "
            "modes as well.",
            True,
        ),
        "b": (
            "Nearly perfect: 100 % would be perfect",
            "A Gaussian in the plane has 1.1 % of its mass beyond 3 standard deviations. A perfect sampler has it too.",
        ),
        "c": (
            "It says nothing, since the number of modes is what counts",
            "It says that hardly any point is lost between modes, and that too few are at their edges.",
        ),
    },
)
clear_winner = Question(
    "clear_winner",
    chapter=CHAPTER,
    text="With one seed, method A reaches 8 modes and method B 6. A's learning rate was searched for, B's taken from a "
    "paper. What has been shown?",
    choices={
        "a": (
            "A is better than B",
            "Another seed may turn it round, and B was never given a learning rate of its own.",
        ),
        "b": (
            "A is better by 2 modes, up to a standard error that is unknown",
            "That is to say, nothing about the difference. And a search for A only would leave it unfair with any "
            "number of seeds.",
        ),
        "c": (
            "Nothing yet: it takes several seeds, a standard error, and the same care with the settings of both",
            "Results of GANs vary from seed to seed more than many methods differ.",
            True,
        ),
    },
)
where_to_penalise = Question(
    "where_to_penalise",
    chapter=CHAPTER,
    text="The gradient penalty looks at random points between a real example and a fake. Why not at the real examples "
    "only?",
    choices={
        "a": (
            "Because real examples have no gradient",
            "The critic has one everywhere, also there. R1 uses it.",
        ),
        "b": (
            "The generator moves its fakes along the critic's slope, from where they are to the data: there it must "
            "not be too steep or flat",
            "A slope that is right at the data may be anything in between. To hold it everywhere is impossible, so the "
            "paper takes these lines.",
            True,
        ),
        "c": (
            "To have twice as many points",
            "There is one point for each pair. What matters is where it lies.",
        ),
    },
)
smaller_steps = Question(
    "smaller_steps",
    chapter=CHAPTER,
    text="Without a penalty, simultaneous steps on the Dirac GAN have eigenvalues 1 ± ih, for the learning rate h. "
    "Does a smaller learning rate make it converge?",
    choices={
        "a": (
            "No: |1 ± ih| = √(1 + h²) is above 1 for every h, so it spirals outwards, only more slowly",
            "Even infinitely small steps only circle. A penalty on the critic's slope moves the eigenvalues inwards.",
            True,
        ),
        "b": (
            "Yes, as for any gradient descent",
            "That is true of one loss that both descend. Here each pushes the other around.",
        ),
        "c": (
            "Yes, below h = 1",
            "√(1 + h²) is above 1 for every h except 0.",
        ),
    },
)

questions = [
    recall_js,
    recall_detach,
    recall_coin,
    disjoint,
    saturation,
    which_divergence,
    wgan_cures,
    where_to_penalise,
    smaller_steps,
    mode_dropping,
    over_sure,
    clear_winner,
]
