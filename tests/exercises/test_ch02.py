"""Exercises of chapter 2: mistakes written in another way than the known ones, and mistakes nobody foresaw."""

import pytest
import torch

from course_utils.exercises import ch02


def said(exercise, function) -> str:
    result = exercise.check(function)
    assert result.status == "failed", result
    return result.message


def labels_of(weights, n_samples):
    return torch.multinomial(weights, n_samples, replacement=True)


# ---- PCA


def by_eigh(x, n_components):
    mean = x.mean(0)
    directions = torch.linalg.eigh((x - mean).T @ (x - mean)).eigenvectors[:, -n_components:]
    return mean + (x - mean) @ directions @ directions.T


def by_sorted_eig(x, n_components):
    mean = x.mean(0)
    values, vectors = torch.linalg.eig(torch.cov(x.T))
    directions = vectors.real[:, values.real.argsort(descending=True)[:n_components]]
    return mean + (x - mean) @ directions @ directions.T


@pytest.mark.parametrize("answer", [by_eigh, by_sorted_eig])
def test_pca_may_be_computed_in_other_ways(answer):
    assert ch02.pca_reconstruction.check(answer).status == "passed"


@pytest.mark.parametrize("last", [False, True])
def test_eig_does_not_pass_by_luck(last):
    def unsorted(x, n_components):
        mean = x.mean(0)
        vectors = torch.linalg.eig(torch.cov(x.T)).eigenvectors.real
        directions = vectors[:, -n_components:] if last else vectors[:, :n_components]
        return mean + (x - mean) @ directions @ directions.T

    message = said(ch02.pca_reconstruction, unsorted)
    if not last:
        assert message == ch02.pca_reconstruction.mistake_messages["unsorted"]


# ---- the walk


def test_an_axis_that_is_missing_is_named_whichever_way_it_is_written():
    message = ch02.walk.mistake_messages["no_axis"]
    for answer in [
        lambda start, end, n_steps: start + torch.linspace(0, 1, n_steps) * (end - start),
        lambda start, end, n: (1 - torch.linspace(0, 1, n)) * start + torch.linspace(0, 1, n) * end,
    ]:
        assert said(ch02.walk, answer) == message


# ---- codes from a mixture


def noise_drawn_first(n_samples, weights, means, covariances):
    noise = torch.randn(1, means.shape[1], 1)
    labels = labels_of(weights, n_samples)
    return means[labels] + (torch.linalg.cholesky(covariances)[labels] @ noise)[:, :, 0]


@pytest.mark.parametrize("label", [0, 1])
def test_one_component_for_all_is_recognised_whichever_it_is(label):
    def one(n_samples, weights, means, covariances):
        factor = torch.linalg.cholesky(covariances[label])
        return means[label] + (factor @ torch.randn(n_samples, means.shape[1], 1))[:, :, 0]

    assert said(ch02.sample_codes, one) == ch02.sample_codes.mistake_messages["one_component"]


def test_one_noise_for_all_is_recognised_whenever_it_is_drawn():
    assert said(ch02.sample_codes, noise_drawn_first) == ch02.sample_codes.mistake_messages["same_noise"]


def test_without_replacement_the_cure_is_named():
    def answer(n_samples, weights, means, covariances):
        labels = torch.multinomial(weights, n_samples)
        return means[labels]

    assert "say replacement=True" in said(ch02.sample_codes, answer)


def test_other_errors_are_told_as_they_are():
    message = said(ch02.sample_codes, lambda n, weights, means, covariances: weights @ torch.ones(7))
    assert "RuntimeError" in message
    assert "replacement" not in message


@pytest.mark.parametrize(
    ("weigh", "stretch", "n_different", "words"),
    [
        (torch.sqrt, 1.0, 20_000, "`share_of_each_component`"),
        (torch.abs, 1.5, 20_000, "`share_within_1_sigma_of_some_component`"),
        (torch.abs, 1.0, 12_000, "`share_of_different_codes`"),
    ],
)
def test_an_unforeseen_mistake_is_told_in_terms_of_the_distribution(weigh, stretch, n_different, words):
    def answer(n_samples, weights, means, covariances):
        labels = labels_of(weigh(weights), n_samples)
        noise = stretch * torch.randn(n_samples, means.shape[1], 1)
        z = means[labels] + (torch.linalg.cholesky(covariances)[labels] @ noise)[:, :, 0]
        return z[:n_different].repeat(2, 1)[:n_samples]

    assert words in said(ch02.sample_codes, answer)
