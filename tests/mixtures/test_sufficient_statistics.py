"""The matrix-product form against the form by differences, and the rule that chooses between them."""

import pytest
import torch

from course_utils.data import load_iris
from course_utils.mixtures import e_step, features, m_step, natural_parameters
from course_utils.mixtures.em import describe
from course_utils.mixtures.parameters import COVARIANCE_TYPES, MixtureParameters, log_joint
from course_utils.mixtures.sufficient_statistics import (
    merge,
    precision_matrices,
    product_is_safe,
    rounding_error,
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
    ("dtype", "std", "safe"),
    [
        (torch.float64, 1e-2, True),
        (torch.float64, 1e-3, False),
        (torch.float32, 1e-3, False),
        (torch.float32, 1.0, True),
    ],
)
def test_the_predicted_rounding_is_of_the_size_of_the_measured_one(dtype, std, safe):
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
    predicted = rounding_error(parameters, whole)
    assert predicted / 30 < float(measured.abs().max()) < 3 * predicted
    assert product_is_safe(parameters, whole) is safe
