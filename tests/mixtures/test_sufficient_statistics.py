"""The matrix-product form against the form by differences, and the rule that chooses between them."""

import math

import pytest
import torch

from course_utils.data import load_iris
from course_utils.mixtures import e_step, features, fit_em, m_step, natural_parameters, sufficient_statistics
from course_utils.mixtures.em import describe
from course_utils.mixtures.parameters import COVARIANCE_TYPES, MixtureParameters, log_joint
from course_utils.mixtures.sufficient_statistics import (
    FeatureMemory,
    cancelling_terms,
    features_fit_memory,
    merge,
    precision_matrices,
    product_dtype,
    statistics_by_differences,
    statistics_by_product,
    weighted_statistics,
)

IRIS = load_iris().points


def start(kind, k=3):
    q = torch.softmax(torch.randn(len(IRIS), k, generator=torch.Generator().manual_seed(0)).double(), 1)
    return m_step(IRIS, q, covariance_type=kind)


@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
def test_natural_parameters_times_features_are_the_log_densities(kind):
    parameters = start(kind)
    precisions, centre = precision_matrices(parameters.covariances), IRIS.mean(0)
    phi = features(IRIS - centre, kind, precisions[0] if kind == "tied" else None)
    product = natural_parameters(parameters, precisions, centre) @ phi
    torch.testing.assert_close(product.T, log_joint(IRIS, parameters))


@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
def test_both_forms_give_the_same_statistics(kind):
    parameters = start(kind)
    whole, _ = describe([IRIS], kind)
    pieces = IRIS.split(40)
    by_product = statistics_by_product(pieces, parameters, whole, kind)
    by_differences = statistics_by_differences(pieces, parameters, kind)
    for name, a, b in zip(by_product._fields, by_product, by_differences, strict=True):
        torch.testing.assert_close(torch.as_tensor(a), torch.as_tensor(b), msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
def test_parts_merge_to_the_whole(kind):
    responsibilities = e_step(IRIS, start(kind)).responsibilities
    whole = weighted_statistics(IRIS, responsibilities, kind)
    a, b = (
        weighted_statistics(IRIS[part], responsibilities[part], kind)
        for part in (slice(0, 7), slice(7, None))
    )
    for together, expected in zip(merge(a, b, kind), whole, strict=True):
        torch.testing.assert_close(torch.as_tensor(together), torch.as_tensor(expected))


@pytest.mark.parametrize(
    ("dtype", "std", "form"),
    [
        (torch.float64, 1e-2, torch.float64),
        (torch.float64, 1e-3, None),
        (torch.float32, 1e-3, torch.float64),
        (torch.float32, 1.0, torch.float32),
    ],
)
def test_the_predicted_rounding_is_of_the_size_of_the_measured_one(dtype, std, form):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2000, 1, generator=generator, dtype=torch.float64) * std
    x[:1000] += 10
    x[1000:] -= 10
    x = x.to(dtype)
    means = torch.tensor([[10.0], [-10.0]], dtype=dtype)
    parameters = MixtureParameters(
        torch.full((2,), 0.5, dtype=dtype), means, torch.full((2, 1, 1), std**2, dtype=dtype)
    )
    whole, _ = describe([x], "full")
    phi = features(x - whole.means[0].to(dtype), "full")
    theta = natural_parameters(parameters, precision_matrices(parameters.covariances), whole.means[0])
    measured = (theta.to(dtype) @ phi).logsumexp(0) - log_joint(
        x.double(), MixtureParameters(*(p.double() for p in parameters))
    ).logsumexp(1)
    predicted = torch.finfo(dtype).eps * cancelling_terms(parameters, whole)
    assert predicted / 30 < float(measured.abs().max()) < 3 * predicted
    assert product_dtype(parameters, whole) is form


@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_kept_features_change_nothing_and_are_made_once(kind, dtype, monkeypatch):
    x, original = IRIS.to(dtype), IRIS.to(dtype)
    begin = MixtureParameters(*(part.to(dtype) for part in start(kind)))
    made = []

    def counting(*arguments, **out):
        made.append(1)
        return features(*arguments, **out)

    monkeypatch.setattr(sufficient_statistics, "features", counting)

    def fit(data):
        made.clear()
        # reg_covar keeps the clusters wide enough for the product form, also in float32.
        settings = {"covariance_type": kind, "max_iter": 4, "tol": 0.0, "reg_covar": 0.05}
        parameters, history = fit_em(data, 3, start=begin, **settings)
        return len(made), [*parameters, torch.tensor(history["bound"])]

    n_kept, kept = fit(x)
    n_streamed, streamed = fit([x])
    monkeypatch.setattr(sufficient_statistics, "BYTES_TO_KEEP", 0)
    n_anew, anew = fit(x)
    assert (n_kept, n_streamed, n_anew) == (4 if kind == "tied" else 1, 4, 4)
    for a, b, c in zip(kept, streamed, anew, strict=True):
        assert torch.equal(a, c)
        assert torch.equal(a, b)
    assert torch.equal(x, original)


@pytest.mark.parametrize("kind", ["full", "diag", "spherical"])
def test_features_are_kept_up_to_the_budget_and_not_beyond(kind, monkeypatch):
    phi = features(IRIS, kind)
    monkeypatch.setattr(sufficient_statistics, "BYTES_TO_KEEP", phi.nbytes)
    assert features_fit_memory(len(IRIS), 4, kind)
    assert not features_fit_memory(len(IRIS) + 1, 4, kind)
    assert not features_fit_memory(len(IRIS), 4, "tied"), "they change with the covariance"


def test_an_interruption_keeps_no_part_of_the_features():
    def interrupted():
        yield IRIS[:40]
        raise KeyboardInterrupt

    whole, _ = describe([IRIS], "full")
    memory = FeatureMemory(keep=True)
    with pytest.raises(KeyboardInterrupt):
        statistics_by_product(interrupted(), start("full"), whole, "full", memory=memory)
    assert memory.kept == []


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("distance", [14.0, 60.0])
def test_negligible_responsibilities_are_no_subnormal_numbers_and_change_no_sum(dtype, distance):
    """At 14 widths, exp(-98) is subnormal in float32; at 60 widths it is 0 in float64, too."""
    n = 1000
    x = torch.randn(n, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64).clamp(-0.1, 0.1)
    means = torch.tensor([[0.0], [distance]])
    parameters = MixtureParameters(torch.full((2,), 0.5), means, torch.ones(2, 1, 1))
    exact = statistics_by_differences([x], MixtureParameters(*(part.double() for part in parameters)), "full")
    parameters = MixtureParameters(*(part.to(dtype) for part in parameters))
    whole, _ = describe([x.to(dtype)], "full")
    product = statistics_by_product([x.to(dtype)], parameters, whole, "full")
    differences = statistics_by_differences([x.to(dtype)], parameters, "full")
    assert float(product.counts[1]) == pytest.approx(n * math.exp(-60), rel=1e-5, abs=0)
    assert float(differences.counts[1]) == 0
    # Rounding of the data and of θ, whose largest terms are distance²/2.
    tolerance = 2 * torch.finfo(dtype).eps * distance**2
    for got in (product, differences):
        for a, b in zip((got.log_likelihood, *got[2:]), (exact.log_likelihood, *exact[2:]), strict=True):
            torch.testing.assert_close(a.reshape(-1)[:1], b.reshape(-1)[:1], rtol=tolerance, atol=tolerance)
