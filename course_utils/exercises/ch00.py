"""Exercises of chapter 0: what is a generative model?"""

import torch
from torch import Tensor

from course_utils.exercises.exercise import Exercise, Question, seeded

__all__ = [
    "all_exercises",
    "area",
    "bayes",
    "best_of_two",
    "blur",
    "coin",
    "explicit",
    "must_answer",
    "nearest_future",
    "nudge",
    "questions",
    "residual",
    "self_bayes",
    "self_expectation",
    "self_gradient",
    "which_one",
]

CHAPTER = "ch00"


# --- bayes ------------------------------------------------------------------------------------------


def bayes_reference(log_likelihood: Tensor, prior: Tensor) -> Tensor:
    log_joint = log_likelihood + prior.log()  # (n, C), log p(x | y) p(y)
    return (log_joint - log_joint.logsumexp(1, keepdim=True)).exp()  # divided by p(x)


def bayes_no_prior(log_likelihood: Tensor, prior: Tensor) -> Tensor:
    return log_likelihood.softmax(1)


def bayes_not_normalised(log_likelihood: Tensor, prior: Tensor) -> Tensor:
    return (log_likelihood + prior.log()).exp()


def bayes_over_images(log_likelihood: Tensor, prior: Tensor) -> Tensor:
    return (log_likelihood + prior.log()).softmax(0)


def bayes_prior_not_log(log_likelihood: Tensor, prior: Tensor) -> Tensor:
    return (log_likelihood + prior).softmax(1)


def bayes_underflow(log_likelihood: Tensor, prior: Tensor) -> Tensor:
    joint = log_likelihood.exp() * prior
    return joint / joint.sum(1, keepdim=True)


def bayes_underflow_over_images(log_likelihood: Tensor, prior: Tensor) -> Tensor:
    joint = log_likelihood.exp() * prior
    return joint / joint.sum(0)


def bayes_logs(log_likelihood: Tensor, prior: Tensor) -> Tensor:
    return (log_likelihood + prior.log()).log_softmax(1)


def bayes_cases() -> list[tuple[Tensor, Tensor]]:
    prior = torch.tensor([0.5, 0.3, 0.15, 0.05])
    scores = 2 * seeded(6, 4)
    return [(scores, prior), (scores - 400, prior), (scores[:1], torch.tensor([0.7, 0.1, 0.1, 0.1]))]


bayes = Exercise(
    "bayes",
    chapter=CHAPTER,
    task="From log p(x | y), shape (n, C), and p(y), shape (C,), no logarithm, to p(y | x), shape (n, C). Each row "
    "sums to 1. It must also work where all densities are tiny, such as exp(-400).",
    reference=bayes_reference,
    cases=bayes_cases,
    mistakes={
        "no_prior": (
            bayes_no_prior,
            "p(y) is missing: a rare class needs better evidence than a common one. Add prior.log() first.",
        ),
        "not_normalised": (
            bayes_not_normalised,
            "This is p(x | y) p(y), the numerator. Divide by its sum over the classes, which is p(x).",
        ),
        "over_images": (
            bayes_over_images,
            "The columns sum to 1, but the rows should: for each image, its classes share the probability.",
        ),
        "prior_not_log": (
            bayes_prior_not_log,
            "You add the prior to a logarithm. A product becomes a sum of logarithms: add prior.log().",
        ),
        "underflow": (
            bayes_underflow,
            "Right for moderate numbers, NaN where all densities are tiny: exp(-400) is rounded to 0. Stay with "
            "logarithms until the end: softmax does, or logsumexp.",
        ),
        "underflow_over_images": (
            bayes_underflow_over_images,
            "Two things. The columns sum to 1, but the rows should: divide by the sum over the classes, dim=1. And "
            "exp(-400) is rounded to 0, which gives NaN: stay with logarithms until the end.",
        ),
        "logs": (bayes_logs, "These are logarithms of the right answer: take .exp() at the end."),
    },
    hints=[
        "Bayes' rule in logarithms: log p(y | x) = log p(x | y) + log p(y) - log p(x).",
        "log p(x) is (log_likelihood + prior.log()).logsumexp(1); the whole rule is a softmax over the classes.",
    ],
)


# --- nudge ------------------------------------------------------------------------------------------


def nudge_reference(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor, size: float) -> Tensor:
    x = x.clone().requires_grad_()
    loss = torch.nn.functional.cross_entropy(x @ weight.T + bias, y, reduction="sum")
    (gradient,) = torch.autograd.grad(loss, x)  # (n, d): how each pixel changes the loss
    return (x.detach() + size * gradient.sign()).clamp(0, 1)


def nudge_downhill(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor, size: float) -> Tensor:
    moved = nudge_unclamped(x, y, weight, bias, size)
    return (2 * x - moved).clamp(0, 1)


def nudge_no_sign(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor, size: float) -> Tensor:
    x = x.clone().requires_grad_()
    loss = torch.nn.functional.cross_entropy(x @ weight.T + bias, y, reduction="sum")
    (gradient,) = torch.autograd.grad(loss, x)
    return (x.detach() + size * gradient).clamp(0, 1)


def nudge_unclamped(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor, size: float) -> Tensor:
    x = x.clone().requires_grad_()
    loss = torch.nn.functional.cross_entropy(x @ weight.T + bias, y, reduction="sum")
    (gradient,) = torch.autograd.grad(loss, x)
    return x.detach() + size * gradient.sign()


def nudge_only_gradient(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor, size: float) -> Tensor:
    return size * (nudge_unclamped(x, y, weight, bias, 1.0) - x)


def nudge_weight_row(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor, size: float) -> Tensor:
    return (x - size * weight[y].sign()).clamp(0, 1)


def nudge_cases() -> list[tuple[Tensor, Tensor, Tensor, Tensor, float]]:
    x = (0.5 + 0.4 * seeded(5, 12)).clamp(0, 1)
    weight, bias = seeded(4, 12, seed=1), seeded(4, seed=2)
    y = torch.tensor([0, 1, 2, 3, 1])
    return [(x, y, weight, bias, 0.1), (x[:2], y[:2], weight, bias, 0.5)]


nudge = Exercise(
    "nudge",
    chapter=CHAPTER,
    task="Move each pixel of x (n, d) by `size` in the direction that raises the classifier's loss for the true "
    "labels y (n,). The classifier's scores are x @ weight.T + bias, with weight (C, d) and bias (C,). Keep the result "
    "in [0, 1].",
    reference=nudge_reference,
    cases=nudge_cases,
    mistakes={
        "downhill": (
            nudge_downhill,
            "You go down: the classifier becomes surer of the true label. An adversary adds the gradient.",
        ),
        "no_sign": (
            nudge_no_sign,
            "You add the gradient itself. Here every pixel moves by the same amount: add size * gradient.sign().",
        ),
        "unclamped": (nudge_unclamped, "Some pixels leave [0, 1], so it is no image any more: clamp(0, 1)."),
        "only_gradient": (nudge_only_gradient, "This is the nudge alone. Add it to the image."),
        "weight_row": (
            nudge_weight_row,
            "You walk away from the true label's weights. The loss also counts where the other labels' scores "
            "rise: take its gradient with respect to x.",
        ),
    },
    hints=[
        "A gradient with respect to the input: x = x.clone().requires_grad_(), compute the loss, then "
        "torch.autograd.grad(loss, x) gives a tuple with one tensor of x's shape.",
        "The loss is torch.nn.functional.cross_entropy(x @ weight.T + bias, y); the answer is "
        "(x + size * gradient.sign()).clamp(0, 1), detached.",
    ],
)


# --- area -------------------------------------------------------------------------------------------


def area_reference(digits: Tensor, garbage: Tensor) -> Tensor:
    above = (digits[:, None] > garbage).double()  # (n, m): each digit against each piece of garbage
    equal = (digits[:, None] == garbage).double()
    return (above + 0.5 * equal).mean()


def area_reversed(digits: Tensor, garbage: Tensor) -> Tensor:
    return area_reference(garbage, digits)


def area_reversed_ties_lose(digits: Tensor, garbage: Tensor) -> Tensor:
    return (garbage[:, None] > digits).double().mean()


def area_reversed_ties_win(digits: Tensor, garbage: Tensor) -> Tensor:
    return (garbage[:, None] >= digits).double().mean()


def area_sum(digits: Tensor, garbage: Tensor) -> Tensor:
    return area_reference(digits, garbage) * len(digits) * len(garbage)


def area_sum_ties_lose(digits: Tensor, garbage: Tensor) -> Tensor:
    return (digits[:, None] > garbage).sum()


def area_ties_lose(digits: Tensor, garbage: Tensor) -> Tensor:
    return (digits[:, None] > garbage).double().mean()


def area_ties_win(digits: Tensor, garbage: Tensor) -> Tensor:
    return (digits[:, None] >= garbage).double().mean()


def area_in_pairs(digits: Tensor, garbage: Tensor) -> Tensor:
    n = min(len(digits), len(garbage))
    return ((digits[:n] > garbage[:n]).double() + 0.5 * (digits[:n] == garbage[:n]).double()).mean()


def area_of_means(digits: Tensor, garbage: Tensor) -> Tensor:
    return (digits > garbage.mean()).double().mean()


def area_cases() -> list[tuple[Tensor, Tensor]]:
    rounded = (3 * seeded(40, seed=1)).round() / 3
    return [
        (seeded(50) + 0.8, seeded(30, seed=3)),
        (rounded[:25] + 1 / 3, rounded[25:]),
        (torch.full((4,), 0.5), torch.full((3,), 0.5)),
    ]


area = Exercise(
    "area",
    chapter=CHAPTER,
    task="From the scores of digits (n,) and of garbage (m,): the probability that a random digit scores higher "
    "than a random piece of garbage; equal scores count one half.",
    reference=area_reference,
    cases=area_cases,
    mistakes={
        "reversed": (
            area_reversed,
            "This is the probability that the garbage scores higher, one minus the answer: swap the two.",
        ),
        "reversed_ties_lose": (
            area_reversed_ties_lose,
            "Two things. You count the duels that the garbage wins: swap the two. And equal scores count one half: "
            "add 0.5 * (a == b).",
        ),
        "reversed_ties_win": (
            area_reversed_ties_win,
            "Two things. You count the duels that the garbage wins: swap the two. And equal scores count one half, "
            "not 1: > plus 0.5 * (a == b).",
        ),
        "sum": (
            area_sum,
            "This is the number of duels that the digits win. The probability is their share: a mean, not a sum.",
        ),
        "sum_ties_lose": (
            area_sum_ties_lose,
            "Two things. This counts the duels that the digits win; the probability is their share: a mean, not a "
            "sum. And equal scores count one half: add 0.5 * (a == b).",
        ),
        "ties_lose": (area_ties_lose, "Equal scores count 0 here. They count one half: add 0.5 * (a == b)."),
        "ties_win": (area_ties_win, "Equal scores count 1 here. They count one half: > plus 0.5 * (a == b)."),
        "in_pairs": (
            area_in_pairs,
            "You compare digit i with garbage i only. Every digit meets every piece of garbage: digits[:, None].",
        ),
        "of_means": (
            area_of_means,
            "You compare each digit with the mean of the garbage. Compare it with every piece, then average.",
        ),
    },
    hints=[
        "n digits and m pieces of garbage make n·m duels; count the share that the digits win.",
        "digits[:, None] > garbage has shape (n, m); a draw, ==, counts one half.",
    ],
)


# --- residual ---------------------------------------------------------------------------------------


def residual_reference(x: Tensor, mean: Tensor, directions: Tensor) -> Tensor:
    centred = x - mean  # (n, d)
    codes = centred @ directions  # (n, k)
    return (centred - codes @ directions.T).norm(dim=1)  # what no code can say


def residual_no_mean(x: Tensor, mean: Tensor, directions: Tensor) -> Tensor:
    return (x - x @ directions @ directions.T).norm(dim=1)


def residual_mean_not_restored(x: Tensor, mean: Tensor, directions: Tensor) -> Tensor:
    return (x - (x - mean) @ directions @ directions.T).norm(dim=1)


def residual_code_not_centred(x: Tensor, mean: Tensor, directions: Tensor) -> Tensor:
    return (x - (mean + x @ directions @ directions.T)).norm(dim=1)


def residual_inside(x: Tensor, mean: Tensor, directions: Tensor) -> Tensor:
    return ((x - mean) @ directions).norm(dim=1)


def residual_squared(x: Tensor, mean: Tensor, directions: Tensor) -> Tensor:
    return residual_reference(x, mean, directions) ** 2


def residual_per_pixel(x: Tensor, mean: Tensor, directions: Tensor) -> Tensor:
    return residual_reference(x, mean, directions) / x.shape[1] ** 0.5


def residual_total(x: Tensor, mean: Tensor, directions: Tensor) -> Tensor:
    centred = x - mean
    return (centred - centred @ directions @ directions.T).norm()


def residual_cases() -> list[tuple[Tensor, Tensor, Tensor]]:
    directions = torch.linalg.qr(seeded(9, 3)).Q
    mean = seeded(9, seed=1) + 1
    x = seeded(6, 9, seed=2)
    return [(x, mean, directions), (x[:2] * 3, mean, directions[:, :1])]


residual = Exercise(
    "residual",
    chapter=CHAPTER,
    task="The length of what the directions leave out: x (n, d), mean (d,), orthonormal directions (d, k), "
    "one length for each row, shape (n,).",
    reference=residual_reference,
    cases=residual_cases,
    mistakes={
        "no_mean": (
            residual_no_mean,
            "The mean is not subtracted. The directions say how images differ from the mean: use x - mean.",
        ),
        "mean_not_restored": (
            residual_mean_not_restored,
            "You compare x with a reconstruction that lacks the mean: add it, or compare with x - mean.",
        ),
        "code_not_centred": (
            residual_code_not_centred,
            "The reconstruction adds the mean, but the code was made from x with the mean still in it: "
            "(x - mean) @ directions.",
        ),
        "inside": (
            residual_inside,
            "This is the length of the code, the part that is kept. The residual is the part that is left out.",
        ),
        "squared": (residual_squared, "This is the square of the length: take the root."),
        "per_pixel": (
            residual_per_pixel,
            "Too small by √d: this averages the squares over the pixels. A length sums them.",
        ),
        "total": (
            residual_total,
            "This is one length for all rows together. Give one for each: norm(dim=1).",
        ),
    },
    hints=[
        "Encode, decode, subtract: what does not come back is the residual.",
        "codes = (x - mean) @ directions, reconstruction = mean + codes @ directions.T, then (…).norm(dim=1).",
    ],
)


# --- nearest_future ---------------------------------------------------------------------------------


def nearest_future_reference(predictions: Tensor, futures: Tensor) -> Tensor:
    distances = (predictions[:, None] - futures).norm(dim=2)  # (n, F): to each possible future
    return distances.amin(1).mean()


def nearest_future_mean(predictions: Tensor, futures: Tensor) -> Tensor:
    return (predictions[:, None] - futures).norm(dim=2).mean()


def nearest_future_to_average(predictions: Tensor, futures: Tensor) -> Tensor:
    return (predictions - futures.mean(1)).norm(dim=1).mean()


def nearest_future_by_pixel(predictions: Tensor, futures: Tensor) -> Tensor:
    return (predictions[:, None] - futures).abs().amin(1).norm(dim=1).mean()


def nearest_future_squared(predictions: Tensor, futures: Tensor) -> Tensor:
    return (predictions[:, None] - futures).square().sum(2).amin(1).mean()


def nearest_future_per_film(predictions: Tensor, futures: Tensor) -> Tensor:
    return (predictions[:, None] - futures).norm(dim=2).amin(1)


def nearest_future_per_film_squared(predictions: Tensor, futures: Tensor) -> Tensor:
    return (predictions[:, None] - futures).square().sum(2).amin(1)


def nearest_future_sum(predictions: Tensor, futures: Tensor) -> Tensor:
    return (predictions[:, None] - futures).norm(dim=2).amin(1).sum()


def nearest_future_best_film(predictions: Tensor, futures: Tensor) -> Tensor:
    return (predictions[:, None] - futures).norm(dim=2).amin()


def nearest_future_one_for_all(predictions: Tensor, futures: Tensor) -> Tensor:
    return (predictions[:, None] - futures).norm(dim=2).mean(0).amin()


def nearest_future_cases() -> list[tuple[Tensor, Tensor]]:
    futures = seeded(7, 2, 5)
    predictions = futures[torch.arange(7), torch.tensor([0, 1, 1, 0, 1, 0, 1])] + 0.3 * seeded(7, 5, seed=1)
    return [
        (predictions, futures),
        (futures.mean(1), futures),
        (seeded(3, 4, seed=2), seeded(3, 3, 4, seed=3)),
    ]


nearest_future = Exercise(
    "nearest_future",
    chapter=CHAPTER,
    task="From predictions (n, d) and the F possible futures of each film (n, F, d): the distance of each "
    "prediction to its nearest possible future, averaged over the films (one number).",
    reference=nearest_future_reference,
    cases=nearest_future_cases,
    mistakes={
        "mean": (
            nearest_future_mean,
            "You average over the possible futures. One that came true is enough: take the smallest distance.",
        ),
        "to_average": (
            nearest_future_to_average,
            "This is the distance to the average of the futures: it rewards exactly the ghost. Take distances "
            "first, then the smallest.",
        ),
        "by_pixel": (
            nearest_future_by_pixel,
            "Each pixel may choose its own future here, so half a car to the left and half to the right would "
            "do. Choose one future for the whole frame.",
        ),
        "squared": (nearest_future_squared, "These are squared distances: take the root before you average."),
        "per_film": (
            nearest_future_per_film,
            "Right for each film. One number is asked for all films: .mean() at the end.",
        ),
        "per_film_squared": (
            nearest_future_per_film_squared,
            "Two things. These are squared distances: take the root. And one number is asked for all films: .mean().",
        ),
        "sum": (
            nearest_future_sum,
            "You add up the films, so that more films give a larger number. Average over them: .mean().",
        ),
        "best_film": (
            nearest_future_best_film,
            "This is the smallest distance of all films. Take the smallest over the futures, then the mean over "
            "the films.",
        ),
        "one_for_all": (
            nearest_future_one_for_all,
            "All films choose the same future here. Let each film choose its own: the smallest first, then the mean.",
        ),
    },
    hints=[
        "Three steps: a distance to each future, the smallest of them for each film, the mean over the films.",
        "(predictions[:, None] - futures) has shape (n, F, d); norm(dim=2), amin(1), mean().",
    ],
)


# --- best_of_two ------------------------------------------------------------------------------------


def best_of_two_reference(outcomes: Tensor, target: Tensor) -> Tensor:
    errors = (outcomes - target[:, None]).square().sum(2)  # (n, 2), one for each side of the coin
    return errors.amin(1).mean()


def best_of_two_mean(outcomes: Tensor, target: Tensor) -> Tensor:
    return (outcomes - target[:, None]).square().sum(2).mean()


def best_of_two_by_pixel(outcomes: Tensor, target: Tensor) -> Tensor:
    return (outcomes - target[:, None]).square().amin(1).sum(1).mean()


def best_of_two_one_side(outcomes: Tensor, target: Tensor) -> Tensor:
    return (outcomes - target[:, None]).square().sum(2).mean(0).amin()


def best_of_two_worst(outcomes: Tensor, target: Tensor) -> Tensor:
    return (outcomes - target[:, None]).square().sum(2).amax(1).mean()


def best_of_two_pixel_mean(outcomes: Tensor, target: Tensor) -> Tensor:
    return (outcomes - target[:, None]).square().mean(2).amin(1).mean()


def best_of_two_per_film(outcomes: Tensor, target: Tensor) -> Tensor:
    return (outcomes - target[:, None]).square().sum(2).amin(1)


def best_of_two_sum(outcomes: Tensor, target: Tensor) -> Tensor:
    return (outcomes - target[:, None]).square().sum(2).amin(1).sum()


def best_of_two_length(outcomes: Tensor, target: Tensor) -> Tensor:
    return (outcomes - target[:, None]).norm(dim=2).amin(1).mean()


def best_of_two_length_per_film(outcomes: Tensor, target: Tensor) -> Tensor:
    return (outcomes - target[:, None]).norm(dim=2).amin(1)


def best_of_two_averaged_outcome(outcomes: Tensor, target: Tensor) -> Tensor:
    return (outcomes.mean(1) - target).square().sum(1).mean()


def best_of_two_cases() -> list[tuple[Tensor, Tensor]]:
    return [(seeded(8, 2, 6), seeded(8, 6, seed=1)), (seeded(3, 2, 4, seed=2), seeded(3, 4, seed=3))]


best_of_two = Exercise(
    "best_of_two",
    chapter=CHAPTER,
    task="The loss 'better of two': outcomes (n, 2, d), one for each side of the coin, and what happened, target "
    "(n, d). Squared error summed over the d pixels, the better outcome of each film, mean over the films.",
    reference=best_of_two_reference,
    cases=best_of_two_cases,
    mistakes={
        "mean": (
            best_of_two_mean,
            "You average over the two outcomes: then both are drawn to the ghost. Take the smaller error.",
        ),
        "by_pixel": (
            best_of_two_by_pixel,
            "Each pixel chooses its own outcome here. Sum over the pixels first, then take the smaller error.",
        ),
        "one_side": (
            best_of_two_one_side,
            "One side of the coin is chosen for all films. Each film chooses: amin(1) first, then the mean.",
        ),
        "worst": (best_of_two_worst, "This is the worse of the two outcomes: amin, not amax."),
        "pixel_mean": (
            best_of_two_pixel_mean,
            "Too small by the number of pixels: sum over them, average over the films only.",
        ),
        "per_film": (
            best_of_two_per_film,
            "Right for each film. A loss is one number for all films: .mean() at the end.",
        ),
        "sum": (
            best_of_two_sum,
            "You add up the films, so that a larger batch has a larger loss. Average over the films: .mean().",
        ),
        "length": (
            best_of_two_length,
            "These are lengths, with a root. The loss is the squared error: .square().sum(2) in place of norm.",
        ),
        "length_per_film": (
            best_of_two_length_per_film,
            "Two things. These are lengths, with a root; the loss is the squared error: .square().sum(2). And a "
            "loss is one number for all films: .mean().",
        ),
        "averaged_outcome": (
            best_of_two_averaged_outcome,
            "You average the outcomes before you compare: that is the ghost itself. Compare each one, then choose.",
        ),
    },
    hints=[
        "Three steps: squared errors (n, 2), the smaller one of each row, the mean over the rows.",
        "target[:, None] has shape (n, 1, d), so that outcomes - target[:, None] compares both outcomes.",
    ],
)


all_exercises = [bayes, nudge, area, residual, nearest_future, best_of_two]


# --- questions --------------------------------------------------------------------------------------

must_answer = Question(
    "must_answer",
    chapter=CHAPTER,
    text="Why does a classifier give a label to a picture of pure noise?",
    choices={
        "a": (
            "It was not trained long enough",
            "Training longer makes it surer, not more modest: the ten numbers still sum to 1.",
        ),
        "b": (
            "p(y | x) is a distribution over ten labels for every x: 'none of them' is not among them",
            "It answers 'given that x is a digit, which?', and nothing asks whether x is one.",
            True,
        ),
        "c": (
            "The noise happens to look like that digit",
            "Its score for that digit may be far above the others. But a weighted sum of pixels measures no likeness: "
            "pictures that look nothing alike can have the same sum.",
        ),
    },
)
which_one = Question(
    "which_one",
    chapter=CHAPTER,
    text="A bank wants a warning when a scanned form holds something that is no digit at all. Which one does it need?",
    choices={
        "a": ("p(y | x)", "It compares labels with each other. It cannot say that none of them fits."),
        "b": ("p(x)", "It says how probable such a picture is at all, whatever its label.", True),
        "c": (
            "p(x | y) for one y",
            "That finds what is no 7, say. A 3 would raise the alarm as well; sum over all labels.",
        ),
    },
)
blur = Question(
    "blur",
    chapter=CHAPTER,
    text="A blurred digit has a higher density than the sharp one it was made from. Is it more typical of digits?",
    choices={
        "a": (
            "Yes: higher density means more typical",
            "The densest place need not be where data are. In high dimensions most draws lie far from it.",
        ),
        "b": (
            "No: real digits have sharp edges, that is a residual of a certain size, and this one has next to none",
            "Typical means: its numbers are like those of the data, neither lower nor higher.",
            True,
        ),
        "c": (
            "No: a density says nothing about images",
            "It says a good deal: noise, letters and moons were refused by it. It is one number, not all of them.",
        ),
    },
)
coin = Question(
    "coin",
    chapter=CHAPTER,
    text="A network gets the past and a coin, and is trained with the mean squared error to what happened. "
    "What will it do with the coin?",
    choices={
        "a": (
            "Heads becomes left, tails becomes right",
            "The coin knows nothing of the turn, so left and right are equally frequent after heads. The best "
            "answer to heads is the ghost.",
        ),
        "b": (
            "Ignore it: for each side of the coin the best answer is the same mean",
            "A random input is needed, but it is not enough: the loss must reward different answers.",
            True,
        ),
        "c": ("Use it to make the ghost noisy", "Any noise adds its variance to the squared error."),
    },
)
explicit = Question(
    "explicit",
    chapter=CHAPTER,
    text="A program draws fine faces, but it cannot tell how probable a given photograph is. What is it?",
    choices={
        "a": ("An explicit model", "An explicit one can evaluate its density, or at least a bound on it."),
        "b": (
            "An implicit model: it draws, and has no density that it could evaluate",
            "Like our camera, which draws from a distribution whose formula nobody knows. GANs are such models.",
            True,
        ),
        "c": (
            "No generative model: those have a density",
            "To draw is enough. Whether the density can be evaluated tells the families apart.",
        ),
    },
)
self_bayes = Question(
    "self_bayes",
    chapter=CHAPTER,
    text="One mail in five is spam. The word 'prize' is in half of the spam and in one of twenty other mails. A "
    "mail says 'prize'. How probable is it that it is spam?",
    choices={
        "a": ("0.5", "That is p(prize | spam). Bayes' rule turns the condition round."),
        "b": ("0.1", "That is p(spam and prize), the numerator. Divide by p(prize) = 0.1 + 0.04 = 0.14."),
        "c": ("0.1 / 0.14 ≈ 0.71", "Spam and 'prize': 0.2 · 0.5. Other and 'prize': 0.8 · 0.05.", True),
        "d": ("0.5 / 0.55 ≈ 0.91", "This forgets that four mails in five are no spam: weigh by 0.2 and 0.8."),
    },
)
self_expectation = Question(
    "self_expectation",
    chapter=CHAPTER,
    text="X is 0 with probability ¾ and 4 with probability ¼. You must name one number c, and pay (X - c)². Which c "
    "is cheapest on average?",
    choices={
        "a": ("0, the most frequent value", "Then you pay 16 in one case of four, 4 on average."),
        "b": ("1, the expectation", "¾ · 0 + ¼ · 4 = 1. You pay ¾ · 1 + ¼ · 9 = 3 on average.", True),
        "c": ("2, the middle", "Then you pay 4 every time. The expectation costs 3."),
    },
)
self_gradient = Question(
    "self_gradient",
    chapter=CHAPTER,
    text="After `x = torch.tensor(3.0, requires_grad=True)`, `y = x * (x + 2)` and `y.backward()`: what is `x.grad`?",
    choices={
        "a": ("15", "That is y itself. backward() computes the derivative."),
        "b": ("8", "y = x² + 2x, so dy/dx = 2x + 2, which is 8 at x = 3.", True),
        "c": (
            "None, until optimizer.step()",
            "backward() fills x.grad; a step of an optimizer only uses it.",
        ),
        "d": ("6", "That is 2x, the derivative of x². y = x² + 2x, and the 2x adds 2."),
    },
)

questions = [
    must_answer,
    which_one,
    blur,
    coin,
    explicit,
    self_bayes,
    self_expectation,
    self_gradient,
]
