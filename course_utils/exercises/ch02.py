"""Exercises of chapter 2: autoencoders.

Images are grey, (n, h, w), or flat with d pixels, and codes (n, m). Squared errors are summed over
the pixels of each image, in squared units of a pixel's value.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from course_utils.exercises.exercise import Exercise, Question, seeded

__all__ = [
    "all_exercises",
    "denoising_loss",
    "denoising_target",
    "distance_to_codes",
    "pca_axes",
    "pca_reconstruction",
    "questions",
    "random_decoding",
    "recall_code",
    "recall_em",
    "recall_responsibility",
    "sample_codes",
    "smooth_walk",
    "squared_error",
    "sum_or_mean",
    "two_bands",
    "walk",
]

CHAPTER = "ch02"


# --- squared_error ----------------------------------------------------------------------------------


def squared_error_reference(x: Tensor, reconstruction: Tensor) -> Tensor:
    return ((x - reconstruction) ** 2).sum((1, 2))  # (n,), over rows and columns


def squared_error_mean(x: Tensor, reconstruction: Tensor) -> Tensor:
    return ((x - reconstruction) ** 2).mean((1, 2))


def squared_error_mean_of_all(x: Tensor, reconstruction: Tensor) -> Tensor:
    return torch.nn.functional.mse_loss(reconstruction, x)


def squared_error_total(x: Tensor, reconstruction: Tensor) -> Tensor:
    return ((x - reconstruction) ** 2).sum()


def squared_error_root(x: Tensor, reconstruction: Tensor) -> Tensor:
    return squared_error_reference(x, reconstruction).sqrt()


def squared_error_absolute(x: Tensor, reconstruction: Tensor) -> Tensor:
    return (x - reconstruction).abs().sum((1, 2))


def squared_error_over_batch(x: Tensor, reconstruction: Tensor) -> Tensor:
    return ((x - reconstruction) ** 2).sum(0)


def squared_error_cases() -> list[tuple[Tensor, Tensor]]:
    x, reconstruction = seeded(4, 5, 6).sigmoid(), seeded(4, 5, 6, seed=1).sigmoid()
    return [
        (x, reconstruction),
        (x[:1], seeded(1, 5, 6, seed=2)),
        (x[:3, :3, :3], reconstruction[:3, :3, :3]),
    ]


squared_error = Exercise(
    "squared_error",
    chapter=CHAPTER,
    task="The squared error of each reconstruction, summed over the pixels of the image: from x and reconstruction, "
    "(n, h, w) both, to shape (n,), in squared units of x.",
    reference=squared_error_reference,
    cases=squared_error_cases,
    mistakes={
        "mean": (
            squared_error_mean,
            "This averages over the pixels of each image: too small by their number. The course sums over pixels, "
            "so that the terms of later chapters can be added in the same units.",
        ),
        "mean_of_all": (
            squared_error_mean_of_all,
            "This is one mean over all pixels of all images (mse_loss gives that). Sum over the pixels of each "
            "image, and keep one value for each image.",
        ),
        "total": (
            squared_error_total,
            "This is one sum for the whole batch. Give one value for each image: sum over the last two axes only.",
        ),
        "root": (
            squared_error_root,
            "You take the square root: that is the distance. The squared error is asked for, so leave it out.",
        ),
        "absolute": (
            squared_error_absolute,
            "These are absolute differences. Square them: one large error then weighs more than many small ones.",
        ),
        "over_batch": (
            squared_error_over_batch,
            "You sum over the images, and one value for each pixel is left. Sum over the pixels: axes 1 and 2.",
        ),
    },
    hints=[
        "Subtract, square, then sum: over which axes, so that one number for each image is left?",
        "(x - reconstruction) ** 2 has shape (n, h, w); .sum((1, 2)) sums over rows and columns.",
    ],
)


# --- pca_reconstruction -----------------------------------------------------------------------------


def pca_reconstruction_reference(x: Tensor, n_components: int) -> Tensor:
    mean = x.mean(0)  # (d,)
    _, _, vh = torch.linalg.svd(x - mean, full_matrices=False)
    directions = vh[:n_components]  # (m, d), rows sorted by variance, the largest first
    codes = (x - mean) @ directions.T  # (n, m)
    return mean + codes @ directions  # (n, d)


def pca_reconstruction_not_centred(x: Tensor, n_components: int) -> Tensor:
    directions = torch.linalg.svd(x, full_matrices=False).Vh[:n_components]
    return x @ directions.T @ directions


def pca_reconstruction_mean_not_added(x: Tensor, n_components: int) -> Tensor:
    return pca_reconstruction_reference(x, n_components) - x.mean(0)


def pca_reconstruction_last(x: Tensor, n_components: int) -> Tensor:
    mean = x.mean(0)
    directions = torch.linalg.svd(x - mean, full_matrices=False).Vh[-n_components:]
    return mean + (x - mean) @ directions.T @ directions


def pca_reconstruction_columns(x: Tensor, n_components: int) -> Tensor:
    mean = x.mean(0)
    directions = torch.linalg.svd(x - mean, full_matrices=False).Vh[:, :n_components]
    return mean + (x - mean) @ directions @ directions.T


def pca_reconstruction_singular_values(x: Tensor, n_components: int) -> Tensor:
    mean = x.mean(0)
    _, values, vh = torch.linalg.svd(x - mean, full_matrices=False)
    directions = vh[:n_components]
    return mean + (x - mean) @ directions.T * values[:n_components] @ directions


def pca_reconstruction_eigenvalues(x: Tensor, n_components: int) -> Tensor:
    mean = x.mean(0)
    values, vectors = torch.linalg.eigh(torch.cov(x.T))
    values, directions = values[-n_components:], vectors[:, -n_components:]
    return mean + (x - mean) @ directions * values @ directions.T


def pca_reconstruction_not_subtracted(x: Tensor, n_components: int) -> Tensor:
    mean = x.mean(0)
    directions = torch.linalg.svd(x - mean, full_matrices=False).Vh[:n_components]
    return mean + x @ directions.T @ directions


def pca_reconstruction_neither(x: Tensor, n_components: int) -> Tensor:
    directions = torch.linalg.svd(x - x.mean(0), full_matrices=False).Vh[:n_components]
    return x @ directions.T @ directions


def pca_reconstruction_uncentred_directions(x: Tensor, n_components: int) -> Tensor:
    mean = x.mean(0)
    directions = torch.linalg.svd(x, full_matrices=False).Vh[:n_components]
    return mean + (x - mean) @ directions.T @ directions


def pca_reconstruction_rows_of_eigh(x: Tensor, n_components: int) -> Tensor:
    mean = x.mean(0)
    _, vectors = torch.linalg.eigh(torch.cov(x.T))
    directions = vectors[-n_components:]
    return mean + (x - mean) @ directions.T @ directions


def pca_reconstruction_first_rows_of_eigh(x: Tensor, n_components: int) -> Tensor:
    mean = x.mean(0)
    _, vectors = torch.linalg.eigh(torch.cov(x.T))
    directions = vectors[:n_components]
    return mean + (x - mean) @ directions.T @ directions


def pca_reconstruction_unsorted(x: Tensor, n_components: int) -> Tensor:
    mean = x.mean(0)
    _, vectors = torch.linalg.eig(torch.cov(x.T))
    directions = vectors[:, :n_components].real
    return mean + (x - mean) @ directions @ directions.T


def pca_reconstruction_mean_of_rows(x: Tensor, n_components: int) -> Tensor:
    mean = x.mean(1, keepdim=True)
    directions = torch.linalg.svd(x - mean, full_matrices=False).Vh[:n_components]
    return mean + (x - mean) @ directions.T @ directions


def pca_reconstruction_one_mean(x: Tensor, n_components: int) -> Tensor:
    mean = x.mean()
    directions = torch.linalg.svd(x - mean, full_matrices=False).Vh[:n_components]
    return mean + (x - mean) @ directions.T @ directions


def pca_reconstruction_codes(x: Tensor, n_components: int) -> Tensor:
    mean = x.mean(0)
    directions = torch.linalg.svd(x - mean, full_matrices=False).Vh[:n_components]
    return (x - mean) @ directions.T


def pca_reconstruction_cases() -> list[tuple[Tensor, int]]:
    turn, _ = torch.linalg.qr(seeded(6, 6, seed=1))
    x = seeded(40, 6) * torch.tensor([5.0, 3.0, 0.3, 0.2, 0.1, 0.1]) @ turn + 3 * seeded(6, seed=2)
    line = seeded(25, 4, seed=3) * torch.tensor([2.0, 0.1, 0.05, 0.05]) @ seeded(4, 4, seed=4) + 1
    # Uncorrelated coordinates, the variances in no order: torch.linalg.eig leaves them in this order.
    columns, _ = torch.linalg.qr(torch.cat([torch.ones(30, 1), seeded(30, 5, seed=5)], dim=1))
    shuffled = columns[:, 1:] * torch.tensor([1.0, 6.0, 2.0, 0.5, 9.0]) + seeded(5, seed=6)
    return [(x, 2), (line, 1), (x, 6), (shuffled, 2)]  # all six directions give x back


pca_reconstruction = Exercise(
    "pca_reconstruction",
    chapter=CHAPTER,
    task="Project x (n, d) on its first `n_components` principal directions, those of largest variance around the "
    "mean: the reconstructions, (n, d), in units of x.",
    reference=pca_reconstruction_reference,
    cases=pca_reconstruction_cases,
    rtol=1e-3,  # whether by svd, by eigh of the covariance or by pca_lowrank, in float32
    atol=1e-4,
    mistakes={
        "not_centred": (
            pca_reconstruction_not_centred,
            "The mean is not subtracted, so the first direction points from 0 to the middle of the data. Subtract "
            "it before the SVD and the projection, and add it at the end.",
        ),
        "mean_not_added": (
            pca_reconstruction_mean_not_added,
            "The projection is right, but it lies around 0: add the mean that you subtracted.",
        ),
        "last": (
            pca_reconstruction_last,
            "These are the directions of the smallest variance. eigh sorts upwards, so take its last columns; svd "
            "sorts downwards, so take its first rows.",
        ),
        "columns": (
            pca_reconstruction_columns,
            "You take columns of the third factor of the SVD. torch.linalg.svd gives it transposed, as Vh: the "
            "directions are its rows, Vh[:n_components].",
        ),
        "singular_values": (
            pca_reconstruction_singular_values,
            "You multiply the codes by the singular values. The codes (x - mean) @ directions.T have their lengths "
            "already; only the columns of U would need them.",
        ),
        "eigenvalues": (
            pca_reconstruction_eigenvalues,
            "You multiply the codes by the eigenvalues of the covariance. Those are the variances, and they only "
            "choose the directions: a projection uses directions of length 1 and nothing else.",
        ),
        "not_subtracted": (
            pca_reconstruction_not_subtracted,
            "The mean is added at the end, but it was not subtracted before the projection: its part in the plane "
            "counts twice. Project x - mean.",
        ),
        "neither": (
            pca_reconstruction_neither,
            "The directions are right, but you project x itself, on the plane through 0. The plane goes through "
            "the mean: project x - mean, and add the mean at the end.",
        ),
        "uncentred_directions": (
            pca_reconstruction_uncentred_directions,
            "You project x - mean, but on directions that were found from x itself: the first of them points to "
            "the mean. Find them from x - mean.",
        ),
        "rows_of_eigh": (
            pca_reconstruction_rows_of_eigh,
            "You take rows of what eigh gives. Its eigenvectors are the columns: the last n_components of them are "
            "vectors[:, -n_components:].",
        ),
        "first_rows_of_eigh": (
            pca_reconstruction_first_rows_of_eigh,
            "You take the first rows of what eigh gives. Its eigenvectors are the columns, and it sorts upwards: "
            "the directions are vectors[:, -n_components:].",
        ),
        "unsorted": (
            pca_reconstruction_unsorted,
            "torch.linalg.eig does not sort its eigenvalues, so the first columns may be any. torch.linalg.eigh, "
            "for symmetric matrices, sorts them upwards: take its last columns.",
        ),
        "mean_of_rows": (
            pca_reconstruction_mean_of_rows,
            "You subtract from each point the mean of its own numbers. The mean is the middle of all points, one "
            "number for each coordinate: x.mean(0), of shape (d,).",
        ),
        "one_mean": (
            pca_reconstruction_one_mean,
            "You subtract one number, the mean of all entries. Each coordinate has a mean of its own: x.mean(0), of "
            "shape (d,).",
        ),
        "codes": (
            pca_reconstruction_codes,
            "These are the codes, n_components numbers for each point. Go back to d numbers: codes @ directions, "
            "plus the mean.",
        ),
    },
    hints=[
        "Four steps: subtract the mean, find the directions, project to m numbers and back, add the mean.",
        "_, _, vh = torch.linalg.svd(x - mean, full_matrices=False); directions = vh[:n_components], (m, d). There "
        "is @ directions.T, and back is @ directions.",
    ],
)


# --- denoising_loss ---------------------------------------------------------------------------------


def denoising_loss_reference(model: Callable[[Tensor], Tensor], clean: Tensor, noisy: Tensor) -> Tensor:
    reconstruction = model(noisy)  # (n, h, w), made without a look at the clean images
    return ((reconstruction - clean) ** 2).sum((1, 2))  # (n,)


def denoising_loss_noisy_target(model: Callable[[Tensor], Tensor], clean: Tensor, noisy: Tensor) -> Tensor:
    return ((model(noisy) - noisy) ** 2).sum((1, 2))


def denoising_loss_clean_input(model: Callable[[Tensor], Tensor], clean: Tensor, noisy: Tensor) -> Tensor:
    return ((model(clean) - clean) ** 2).sum((1, 2))


def denoising_loss_swapped(model: Callable[[Tensor], Tensor], clean: Tensor, noisy: Tensor) -> Tensor:
    return ((model(clean) - noisy) ** 2).sum((1, 2))


def denoising_loss_mean(model: Callable[[Tensor], Tensor], clean: Tensor, noisy: Tensor) -> Tensor:
    return ((model(noisy) - clean) ** 2).mean((1, 2))


def denoising_loss_no_model(model: Callable[[Tensor], Tensor], clean: Tensor, noisy: Tensor) -> Tensor:
    return ((noisy - clean) ** 2).sum((1, 2))


def denoising_loss_batch(model: Callable[[Tensor], Tensor], clean: Tensor, noisy: Tensor) -> Tensor:
    return denoising_loss_reference(model, clean, noisy).mean()


def denoising_loss_total(model: Callable[[Tensor], Tensor], clean: Tensor, noisy: Tensor) -> Tensor:
    return denoising_loss_reference(model, clean, noisy).sum()


def denoising_loss_root(model: Callable[[Tensor], Tensor], clean: Tensor, noisy: Tensor) -> Tensor:
    return denoising_loss_reference(model, clean, noisy).sqrt()


def denoising_loss_model_target(model: Callable[[Tensor], Tensor], clean: Tensor, noisy: Tensor) -> Tensor:
    return ((model(noisy) - model(clean)) ** 2).sum((1, 2))


def smooth(images: Tensor) -> Tensor:
    """A model without training: each pixel becomes the mean of itself and its neighbours left and right."""
    return (images + images.roll(1, 2) + images.roll(-1, 2)) / 3


def sharpen(images: Tensor) -> Tensor:
    """A model without training: pushes the pixels towards 0 and 1."""
    return torch.sigmoid(8 * (images - 0.5))


def denoising_loss_cases() -> list[tuple[Callable[[Tensor], Tensor], Tensor, Tensor]]:
    clean = seeded(4, 6, 5).sigmoid()
    noisy = clean + 0.5 * seeded(4, 6, 5, seed=1)
    return [(smooth, clean, noisy), (sharpen, clean[:1], noisy[:1])]


denoising_loss = Exercise(
    "denoising_loss",
    chapter=CHAPTER,
    task="The loss of a denoising autoencoder, (n,): the squared error, summed over the pixels of each image. `model` "
    "takes images (n, h, w) and gives images; `clean` and `noisy` have that shape too.",
    reference=denoising_loss_reference,
    cases=denoising_loss_cases,
    mistakes={
        "noisy_target": (
            denoising_loss_noisy_target,
            "The target is the noisy image, so the network learns to give the noise back. The noisy image goes in; "
            "compare what comes out with the clean one.",
        ),
        "clean_input": (
            denoising_loss_clean_input,
            "The clean image goes in, so the network never meets noise: that is a plain autoencoder. Call "
            "model(noisy).",
        ),
        "swapped": (
            denoising_loss_swapped,
            "Input and target are swapped: this asks for noise that nobody can foresee. The noisy image goes in, "
            "the clean one is the target.",
        ),
        "mean": (
            denoising_loss_mean,
            "Input and target are right, but this averages over the pixels. Sum over the pixels of each image.",
        ),
        "no_model": (
            denoising_loss_no_model,
            "This is the size of the noise: the model is never called. Compare model(noisy) with the clean images.",
        ),
        "batch": (
            denoising_loss_batch,
            "This is the mean over the batch, one number. Give one value for each image; the training loop "
            "averages them.",
        ),
        "total": (
            denoising_loss_total,
            "This is one sum over the whole batch. Give one value for each image: sum over rows and columns only, "
            "axes 1 and 2.",
        ),
        "root": (
            denoising_loss_root,
            "Input and target are right, but you take the square root: that is the distance. Leave it out.",
        ),
        "model_target": (
            denoising_loss_model_target,
            "The target went through the model too. A model that gives the same picture for everything would then "
            "have no loss at all. Compare model(noisy) with `clean` itself.",
        ),
    },
    hints=[
        "Which of the two images may the model see, and with which one is its output compared?",
        "squared_error of the clean images and model(noisy): subtract, square, sum over axes 1 and 2.",
    ],
)


# --- walk -------------------------------------------------------------------------------------------


def walk_reference(start: Tensor, end: Tensor, n_steps: int) -> Tensor:
    t = torch.linspace(0, 1, n_steps)[:, None]  # (n_steps, 1), from 0 to 1, both included
    return (1 - t) * start + t * end  # (n_steps, m)


def walk_end_left_out(start: Tensor, end: Tensor, n_steps: int) -> Tensor:
    return start + torch.arange(n_steps)[:, None] / n_steps * (end - start)


def walk_start_missing(start: Tensor, end: Tensor, n_steps: int) -> Tensor:
    return start + torch.arange(1, n_steps + 1)[:, None] / n_steps * (end - start)


def walk_reversed(start: Tensor, end: Tensor, n_steps: int) -> Tensor:
    return walk_reference(end, start, n_steps)


def walk_middle(start: Tensor, end: Tensor, n_steps: int) -> Tensor:
    return ((start + end) / 2).expand(n_steps, -1)


def walk_halving(start: Tensor, end: Tensor, n_steps: int) -> Tensor:
    left = 0.5 ** torch.arange(n_steps)[:, None]
    return end + left * (start - end)


def walk_not_difference(start: Tensor, end: Tensor, n_steps: int) -> Tensor:
    return start + torch.linspace(0, 1, n_steps)[:, None] * end


def walk_no_axis(start: Tensor, end: Tensor, n_steps: int) -> Tensor:
    return start + torch.linspace(0, 1, n_steps) * (end - start)


walk = Exercise(
    "walk",
    chapter=CHAPTER,
    task="`n_steps` codes, evenly spaced on the straight line from `start` to `end`, shape (m,) each, both of them "
    "included: shape (n_steps, m).",
    reference=walk_reference,
    cases=[
        (torch.tensor([1.0, -2.0]), torch.tensor([3.0, 1.0]), 5),
        (torch.tensor([0.5, 1.0, -1.5]), torch.tensor([2.0, -1.0, 4.0]), 2),
        (torch.tensor([-3.0]), torch.tensor([0.7]), 9),
    ],
    mistakes={
        "end_left_out": (
            walk_end_left_out,
            "The walk stops one step before the end: n_steps points have n_steps - 1 gaps, so divide by "
            "n_steps - 1. torch.linspace(0, 1, n_steps) includes both ends.",
        ),
        "start_missing": (
            walk_start_missing,
            "The walk ends well, but it begins one step after the start. The first row is `start` itself: let t "
            "run from 0 to 1, as torch.linspace(0, 1, n_steps) does.",
        ),
        "reversed": (
            walk_reversed,
            "You walk from `end` to `start`. With t from 0 to 1, the weight of `start` is 1 - t, that of `end` t.",
        ),
        "middle": (
            walk_middle,
            "Every row is the middle, (start + end) / 2. Each needs a t of its own, from 0 to 1.",
        ),
        "halving": (
            walk_halving,
            "Each step goes half of the way that is left: the steps shrink, and the end is never reached. All steps "
            "are of the same length, (end - start) / (n_steps - 1).",
        ),
        "not_difference": (
            walk_not_difference,
            "You add t times `end` to `start`, so the walk ends at start + end. Add t times the difference, "
            "end - start.",
        ),
        "no_axis": (
            walk_no_axis,
            "t has shape (n_steps,) and a code (m,): PyTorch tries to multiply them number by number. Give t an axis "
            "of its own, t[:, None], of shape (n_steps, 1).",
        ),
    },
    hints=[
        "A point on the line is (1 - t)·start + t·end. Which t does each row have?",
        "torch.linspace(0, 1, n_steps)[:, None] has shape (n_steps, 1): times a code (m,) it gives (n_steps, m).",
    ],
)


# --- sample_codes -----------------------------------------------------------------------------------


def sample_codes_reference(n_samples: int, weights: Tensor, means: Tensor, covariances: Tensor) -> Tensor:
    labels = torch.multinomial(weights, n_samples, replacement=True)  # (n,) who makes each code
    factors = torch.linalg.cholesky(covariances)[labels]  # (n, m, m), factor @ factor.T is the covariance
    noise = torch.randn(n_samples, means.shape[1], 1)  # (n, m, 1), columns
    return means[labels] + (factors @ noise)[:, :, 0]  # (n, m)


def sample_codes_covariance(n_samples: int, weights: Tensor, means: Tensor, covariances: Tensor) -> Tensor:
    labels = torch.multinomial(weights, n_samples, replacement=True)
    noise = torch.randn(n_samples, means.shape[1], 1)
    return means[labels] + (covariances[labels] @ noise)[:, :, 0]


def sample_codes_average(n_samples: int, weights: Tensor, means: Tensor, covariances: Tensor) -> Tensor:
    factor = torch.linalg.cholesky(torch.einsum("k,kij->ij", weights, covariances))
    return weights @ means + torch.randn(n_samples, means.shape[1]) @ factor.T


def sample_codes_diagonal(n_samples: int, weights: Tensor, means: Tensor, covariances: Tensor) -> Tensor:
    labels = torch.multinomial(weights, n_samples, replacement=True)
    stds = covariances.diagonal(dim1=1, dim2=2).sqrt()
    return means[labels] + stds[labels] * torch.randn(n_samples, means.shape[1])


def sample_codes_uniform(n_samples: int, weights: Tensor, means: Tensor, covariances: Tensor) -> Tensor:
    return sample_codes_reference(n_samples, torch.ones_like(weights), means, covariances)


def sample_codes_transposed(n_samples: int, weights: Tensor, means: Tensor, covariances: Tensor) -> Tensor:
    labels = torch.multinomial(weights, n_samples, replacement=True)
    factors = torch.linalg.cholesky(covariances)[labels]
    noise = torch.randn(n_samples, 1, means.shape[1])
    return means[labels] + (noise @ factors)[:, 0]


def sample_codes_without_noise(n_samples: int, weights: Tensor, means: Tensor, covariances: Tensor) -> Tensor:
    return means[torch.multinomial(weights, n_samples, replacement=True)]


def sample_codes_same_noise(n_samples: int, weights: Tensor, means: Tensor, covariances: Tensor) -> Tensor:
    labels = torch.multinomial(weights, n_samples, replacement=True)
    factors = torch.linalg.cholesky(covariances)[labels]
    return means[labels] + (factors @ torch.randn(means.shape[1], 1))[:, :, 0]


def sample_codes_weighted_sum(n_samples: int, weights: Tensor, means: Tensor, covariances: Tensor) -> Tensor:
    factors = torch.linalg.cholesky(covariances)  # (K, m, m)
    noise = torch.randn(n_samples, len(weights), means.shape[1], 1)
    return torch.einsum("k,nkj->nj", weights, means + (factors @ noise)[..., 0])


def sample_codes_one_component(n_samples: int, weights: Tensor, means: Tensor, covariances: Tensor) -> Tensor:
    label = torch.multinomial(weights, 1)  # (1,)
    factor = torch.linalg.cholesky(covariances[label])[0]
    return means[label] + torch.randn(n_samples, means.shape[1]) @ factor.T


def sample_codes_variances(n_samples: int, weights: Tensor, means: Tensor, covariances: Tensor) -> Tensor:
    labels = torch.multinomial(weights, n_samples, replacement=True)
    variances = covariances.diagonal(dim1=1, dim2=2)
    return means[labels] + variances[labels] * torch.randn(n_samples, means.shape[1])


def sample_codes_identity(n_samples: int, weights: Tensor, means: Tensor, covariances: Tensor) -> Tensor:
    labels = torch.multinomial(weights, n_samples, replacement=True)
    return means[labels] + torch.randn(n_samples, means.shape[1])


class Observed(NamedTuple):
    """How codes are distributed, all as shares of them; the names are what a learner reads."""

    share_of_different_codes: Tensor
    share_of_codes_on_a_mean: Tensor
    all_from_one_component: Tensor
    share_within_1_sigma_of_some_component: Tensor
    share_of_each_component: Tensor
    share_below_thresholds_on_each_axis: Tensor
    share_below_thresholds_on_each_diagonal: Tensor


def distribution(
    function: Callable[..., Any], n_samples: int, weights: Tensor, means: Tensor, covariances: Tensor
) -> Observed:
    """What the draws say about their distribution.

    A code counts for the component that is the likeliest to have made it. Where all codes share one noise, or
    one component, the other shares would depend on that one draw, and are 0.
    """
    try:
        draws = torch.as_tensor(function(n_samples, weights, means, covariances)).to(means)
    except RuntimeError as error:
        if "without replacement" in str(error):
            raise RuntimeError(
                f"{error}. By default torch.multinomial draws no component twice: say replacement=True"
            ) from error
        raise
    m = means.shape[1]
    if draws.shape != (n_samples, m):
        raise ValueError(
            f"the codes must have shape (n_samples, m) = ({n_samples}, {m}), got {tuple(draws.shape)}"
        )
    differences = draws[:, None] - means  # (n, K, m)
    different = torch.tensor(len(draws.unique(dim=0)) / n_samples)
    on_a_mean = (differences.abs().amax(2) < 1e-5).any(1).double().mean()
    alike = [
        torch.allclose(draws.mean(0), mean, atol=0.1)
        and torch.allclose(torch.cov(draws.T), covariance, atol=0.2)
        for mean, covariance in zip(means, covariances, strict=True)
    ]

    squared = torch.einsum("nki,kij,nkj->nk", differences, covariances.inverse(), differences)
    component = (weights.log() - 0.5 * (covariances.logdet() + squared)).argmax(1)  # (n,)
    i, j = torch.triu_indices(m, m, offset=1)
    diagonals = torch.cat([draws[:, i] + draws[:, j], draws[:, i] - draws[:, j]], dim=1)
    thresholds = torch.linspace(-5, 5, 17)[:, None, None]
    shares = [
        (squared < 1).any(1).double().mean(),
        torch.nn.functional.one_hot(component, len(weights)).double().mean(0),
        *((part < thresholds).double().mean(1).T for part in (draws, diagonals)),
    ]
    if different < 0.5 or any(alike):
        shares = [torch.zeros_like(share) for share in shares]
    return Observed(different, on_a_mean, torch.tensor(any(alike)).double(), *shares)


def sample_codes_cases() -> list[tuple[int, Tensor, Tensor, Tensor]]:
    plane = (
        torch.tensor([0.6, 0.3, 0.1]),
        torch.tensor([[-2.1, 0.3], [1.7, 1.1], [2.2, -2.3]]),
        torch.tensor([[[2.0, 1.1], [1.1, 0.7]], [[0.5, -0.6], [-0.6, 1.8]], [[0.3, 0.0], [0.0, 0.3]]]),
    )
    space = (
        torch.tensor([0.2, 0.8]),
        torch.tensor([[0.0, 2.1, -1.2], [0.6, -0.7, 0.4]]),
        torch.tensor(
            [
                [[1.0, 0.3, 0.0], [0.3, 1.0, 0.3], [0.0, 0.3, 1.0]],
                [[3.0, 1.4, -0.6], [1.4, 1.0, 0.0], [-0.6, 0.0, 0.6]],
            ]
        ),
    )
    return [(20_000, *plane), (20_000, *space)]


sample_codes = Exercise(
    "sample_codes",
    chapter=CHAPTER,
    task="Draw `n_samples` codes, (n_samples, m), from a Gaussian mixture with weights (K,), means (K, m) and "
    "covariances (K, m, m): first the component of each code, then the code.",
    reference=sample_codes_reference,
    cases=sample_codes_cases,
    observe=distribution,
    atol=0.025,  # five standard errors of the difference of two shares, each of 20,000 draws
    rtol=0.0,
    mistakes={
        "covariance": (
            sample_codes_covariance,
            "You multiply the noise by the covariance. As in one dimension, where the noise is multiplied by σ and "
            "not by σ², its root is needed: torch.linalg.cholesky.",
        ),
        "average": (
            sample_codes_average,
            "You average the components and draw from one Gaussian in the middle of all codes. A mixture picks one "
            "component for each code.",
        ),
        "diagonal": (
            sample_codes_diagonal,
            "Each coordinate has the right spread, but the correlations are lost: only the diagonals of the "
            "covariances are used. torch.linalg.cholesky takes all of them.",
        ),
        "uniform_choice": (
            sample_codes_uniform,
            "Every component is picked equally often: the weights are not used. torch.multinomial picks by weight.",
        ),
        "transposed": (
            sample_codes_transposed,
            "The Cholesky factor is applied transposed: rows of noise need noise @ factor.T. Only factor @ factor.T "
            "is the covariance; factor.T @ factor is another matrix.",
        ),
        "no_noise": (
            sample_codes_without_noise,
            "The components are picked well, but every code sits on its component's mean, so you would decode only "
            "K different images. Add the noise.",
        ),
        "same_noise": (
            sample_codes_same_noise,
            "Most codes are exactly the same: one noise was drawn and used for all. Draw a noise for each "
            "code: its first axis has n_samples entries.",
        ),
        "weighted_sum": (
            sample_codes_weighted_sum,
            "You draw from every component and add the draws up, weighted: that gives one narrow cloud in the middle. "
            "The weights are probabilities: each code comes from one component, chosen with them.",
        ),
        "one_component": (
            sample_codes_one_component,
            "All codes come from one component: it was chosen once. Choose one for each code, n_samples labels.",
        ),
        "variances": (
            sample_codes_variances,
            "The noise is multiplied by the variances, the diagonals of the covariances: their roots would be the "
            "spreads, and the correlations are lost as well. torch.linalg.cholesky gives the factor you need.",
        ),
        "identity": (
            sample_codes_identity,
            "The noise is added as it is, so every component is round and of spread 1: the covariances are not "
            "used. Multiply the noise by their Cholesky factors first.",
        ),
    },
    hints=[
        "As in chapter 1: torch.multinomial for the labels, then a Gaussian draw for each. If factor @ factor.T is "
        "the covariance, factor @ noise has that covariance.",
        "torch.linalg.cholesky(covariances)[labels] has shape (n, m, m): matrix-multiply it with noise of shape "
        "(n, m, 1), drop the last axis and add means[labels].",
    ],
)


# --- distance_to_codes ------------------------------------------------------------------------------


def distance_to_codes_reference(random_codes: Tensor, codes: Tensor) -> Tensor:
    return torch.cdist(random_codes, codes).amin(1)  # (k, n) distances, then (k,): that of the nearest code


def distance_to_codes_squared(random_codes: Tensor, codes: Tensor) -> Tensor:
    return distance_to_codes_reference(random_codes, codes) ** 2


def distance_to_codes_mean(random_codes: Tensor, codes: Tensor) -> Tensor:
    return torch.cdist(random_codes, codes).mean(1)


def distance_to_codes_wrong_axis(random_codes: Tensor, codes: Tensor) -> Tensor:
    return torch.cdist(random_codes, codes).amin(0)


def distance_to_codes_manhattan(random_codes: Tensor, codes: Tensor) -> Tensor:
    return torch.cdist(random_codes, codes, p=1).amin(1)


def distance_to_codes_index(random_codes: Tensor, codes: Tensor) -> Tensor:
    return torch.cdist(random_codes, codes).argmin(1)


def distance_to_codes_pair(random_codes: Tensor, codes: Tensor) -> Any:
    return torch.cdist(random_codes, codes).min(1)


def distance_to_codes_over_everything(random_codes: Tensor, codes: Tensor) -> Tensor:
    return torch.cdist(random_codes, codes).min()


def distance_to_codes_to_the_middle(random_codes: Tensor, codes: Tensor) -> Tensor:
    return (random_codes - codes.mean(0)).norm(dim=1)


def distance_to_codes_mean_square(random_codes: Tensor, codes: Tensor) -> Tensor:
    return distance_to_codes_reference(random_codes, codes) / codes.shape[1] ** 0.5


def distance_to_codes_cases() -> list[tuple[Tensor, Tensor]]:
    return [(2 * seeded(6, 2), seeded(20, 2, seed=1)), (seeded(5, 8, seed=2), 3 * seeded(5, 8, seed=3))]


distance_to_codes = Exercise(
    "distance_to_codes",
    chapter=CHAPTER,
    task="Is a random code in a hole? The Euclidean distance from each of `random_codes` (k, m) to the nearest of the "
    "known `codes` (n, m): shape (k,), in units of the code.",
    reference=distance_to_codes_reference,
    cases=distance_to_codes_cases,
    mistakes={
        "squared": (
            distance_to_codes_squared,
            "These are squared distances. Take the square root, so that they are in units of the code.",
        ),
        "mean": (
            distance_to_codes_mean,
            "This is the mean distance to all codes. It says how far the code is from the middle; a hole is where "
            "even the nearest code is far: take the minimum.",
        ),
        "wrong_axis": (
            distance_to_codes_wrong_axis,
            "You ask each known code for the nearest random one, which gives shape (n,). Ask each random code: "
            "minimum over axis 1 of the (k, n) distances.",
        ),
        "manhattan": (
            distance_to_codes_manhattan,
            "This sums the absolute differences of the coordinates (Manhattan distance). Euclidean is the root of "
            "the sum of squares, torch.cdist's default.",
        ),
        "index": (
            distance_to_codes_index,
            "This is the number of the nearest code, not its distance: min (or amin) in place of argmin.",
        ),
        "pair": (
            distance_to_codes_pair,
            "The method .min(1) gives two things, the minima and where they are. Only the first is asked for: "
            ".min(1).values, or .amin(1).",
        ),
        "over_everything": (
            distance_to_codes_over_everything,
            "This is one number, the smallest of all distances. Give one for each random code: the minimum over "
            "axis 1.",
        ),
        "to_the_middle": (
            distance_to_codes_to_the_middle,
            "This is the distance to the mean of the codes. There may be no code near their mean: take the distances "
            "to all of them, and the smallest.",
        ),
        "mean_square": (
            distance_to_codes_mean_square,
            "You average the squared differences over the m numbers of a code before the root. For the Euclidean "
            "distance they are summed.",
        ),
    },
    hints=[
        "All distances first, a table (k, n) with a row for each random code; then the smallest of each row.",
        "torch.cdist(random_codes, codes) is that table; .amin(1) gives the smallest entry of each row.",
    ],
)


all_exercises = [
    squared_error,
    pca_reconstruction,
    denoising_loss,
    walk,
    sample_codes,
    distance_to_codes,
]


# --- questions --------------------------------------------------------------------------------------

recall_responsibility = Question(
    "recall_responsibility",
    chapter=CHAPTER,
    text="A mixture has three components, and the responsibilities of a point x are 0.7, 0.2 and 0.1. What does "
    "the 0.7 say?",
    choices={
        "a": (
            "The first component makes 70 % of all points",
            "That is its weight, p(k = 1), known before any point is seen. A responsibility belongs to one point.",
        ),
        "b": (
            "Given this x, the first component made it with probability 0.7",
            "The posterior p(k | x) by Bayes' rule: weight times density, divided by p(x).",
            True,
        ),
        "c": (
            "The density of the first component at x is 0.7",
            "That is p(x | k = 1). Densities do not sum to 1 over the components; responsibilities do.",
        ),
    },
)
recall_em = Question(
    "recall_em",
    chapter=CHAPTER,
    text="Why does the log-likelihood never fall during EM?",
    choices={
        "a": (
            "Each iteration follows its gradient with a step that is small enough",
            "EM has no step size. Each M-step jumps straight to the maximum of the bound.",
        ),
        "b": (
            "It has only one maximum, and EM climbs towards it",
            "It has many, and is not even bounded. That it never falls does not say where it ends.",
        ),
        "c": (
            "The E-step makes the bound touch it, the M-step raises the bound, and it is never below the bound",
            "After the M-step the log-likelihood is at least the new bound, and that is at least where it was.",
            True,
        ),
    },
)
recall_code = Question(
    "recall_code",
    chapter=CHAPTER,
    text="A mixture describes a handwritten digit by one choice: component 37. A code of several numbers describes "
    "it too. What can the code do that the choice cannot?",
    choices={
        "a": (
            "Combine features: slant and thickness have a number each, and a new combination costs nothing",
            "A distributed code. With one choice out of K, each combination needs a component of its own.",
            True,
        ),
        "b": (
            "Tell which digit it is, because a mixture knows no labels",
            "Neither is told the labels, and component 37 may well hold 4s only.",
        ),
        "c": (
            "Give a density p(x)",
            "The other way round: the mixture has a density. The code of this chapter comes without one.",
        ),
    },
)
pca_axes = Question(
    "pca_axes",
    chapter=CHAPTER,
    text="A linear autoencoder, trained to the end, finds the plane that PCA finds. Why are its two code axes not "
    "the principal directions?",
    choices={
        "a": (
            "It needs more training: the axes turn last",
            "Nothing turns them. At the exact minimum of the loss any other pair of axes in the plane is as good.",
        ),
        "b": (
            "Stretch and turn the codes as you like, and let the decoder undo it: the reconstructions, and so the "
            "loss, stay the same",
            "For any invertible R the encoder R⁻¹A and the decoder WR give WA again. Only the plane is fixed.",
            True,
        ),
        "c": (
            "Because the principal directions are not unique either",
            "They are, up to their signs, when the variances differ: PCA asks for right angles and sorted "
            "variances. The autoencoder's loss does not ask.",
        ),
    },
)
smooth_walk = Question(
    "smooth_walk",
    chapter=CHAPTER,
    text="You decode a walk along a straight line in code space. The decoder is a continuous function. What does "
    "that promise?",
    choices={
        "a": (
            "Every picture on the way looks like the data",
            "The line may cross a region that no image was ever encoded to, and nothing was asked of the decoder "
            "there.",
        ),
        "b": (
            "Equal steps change the picture by equal amounts",
            "The decoder may stretch one part of the line and squeeze another: nothing happens for a while, then "
            "all at once.",
        ),
        "c": (
            "If the steps are small enough, neighbouring pictures are alike, and no more than that",
            "A crossfade of two moons is continuous too, and half-way it is no moon.",
            True,
        ),
    },
)
random_decoding = Question(
    "random_decoding",
    chapter=CHAPTER,
    text="You draw codes from N(0, I) and decode them. Why are these pictures no draws from p(x)?",
    choices={
        "a": (
            "The decoder has no randomness of its own",
            "It needs none: a fixed function of a random code gives a random picture, which is how GANs draw. "
            "What matters is which codes go in.",
        ),
        "b": (
            "The training never said where the codes should lie: N(0, I) is your choice, and many of its draws fall "
            "where the decoder was never trained",
            "The loss asks for reconstructions only. A density fitted to the codes is a better source to draw from.",
            True,
        ),
        "c": (
            "The code has too few numbers",
            "More numbers reconstruct better, but they leave more room that no code fills.",
        ),
    },
)
denoising_target = Question(
    "denoising_target",
    chapter=CHAPTER,
    text="A denoising autoencoder sees noisy images, and its target is the clean ones. What is that good for?",
    choices={
        "a": (
            "It gives more training data: each image comes with ever new noise",
            "Noisy images as targets would do that as well, and the network would learn to give the noise back.",
        ),
        "b": (
            "It makes the codes follow N(0, I)",
            "Nothing in the loss looks at how the codes are distributed. That idea comes in chapter 3.",
        ),
        "c": (
            "To copy the input is no longer the best answer: the network must know what images look like",
            "With the squared error the best answer is the mean of the clean images that may be behind the noise.",
            True,
        ),
    },
)
sum_or_mean = Question(
    "sum_or_mean",
    chapter=CHAPTER,
    text="Two autoencoders, the same 28×28 test images, pixels in [0, 1]. A reports a squared error of 0.01, its mean "
    "over pixels; B reports 6.3 for each image, its sum over pixels. Which reconstructs better?",
    choices={
        "a": (
            "A: 0.01 is far less than 6.3",
            "The units differ: one is for each pixel, the other for each image. Bring them to the same first.",
        ),
        "b": (
            "B: the sum of A is 784 · 0.01 = 7.84 for each image",
            "More than 6.3. Before you compare two errors, ask over what each one was summed or averaged.",
            True,
        ),
        "c": (
            "Sum and mean cannot be compared",
            "On images of the same size they can: the sum is 784 times the mean.",
        ),
    },
)
two_bands = Question(
    "two_bands",
    chapter=CHAPTER,
    text="An autoencoder is trained on moons that are nearly full and on thin crescents, and none between. You decode "
    "a walk from a full moon's code to a crescent's. What is to be expected in the middle?",
    choices={
        "a": (
            "The phases between: the network has found out what a phase is",
            "It found out how to reconstruct two bands. No training image asked for a moon between them, so "
            "nothing taught it one.",
        ),
        "b": (
            "Pictures that join the two ends somehow: often a crossfade, or a sudden change from one to the other",
            "Nothing was ever seen there, so no error corrected the decoder. What it gives depends on its layers "
            "and its start.",
            True,
        ),
        "c": (
            "Pure noise: the decoder knows nothing there",
            "It is continuous, and both ends are moons: what comes between leads from one to the other.",
        ),
    },
)

questions = [
    recall_responsibility,
    recall_em,
    recall_code,
    pca_axes,
    smooth_walk,
    random_decoding,
    denoising_target,
    sum_or_mean,
    two_bands,
]
