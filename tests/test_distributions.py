import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats
from torch import distributions as d

from course_utils.distributions import (
    bernoulli_log_prob,
    categorical_log_prob,
    full_gaussian_log_prob,
    gaussian_log_prob,
    kl_divergence,
    kl_to_standard_normal,
    reparameterize,
)

F64 = {"dtype": torch.float64}
close = torch.testing.assert_close
shapes = pytest.mark.parametrize("shape", [(5,), (5, 3), (5, 1, 4, 4), (1, 2), (0, 3)])
moderate = st.floats(-5, 5)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def normals(*shape, seed=0):
    return torch.randn(*shape, generator=seeded(seed), **F64)


def summed(terms):
    return terms.sum(tuple(range(1, terms.ndim))) if terms.ndim > 1 else terms


# Diagonal Gaussian


@shapes
def test_gaussian_is_torchs(shape):
    x, mean, logvar = normals(*shape), normals(*shape, seed=1), normals(*shape, seed=2)
    expected = summed(d.Normal(mean, (logvar / 2).exp()).log_prob(x))
    close(gaussian_log_prob(x, mean, logvar), expected)
    assert expected.shape == shape[:1]


def test_gaussian_parameters_expand():
    x = normals(4, 3)
    mean, logvar = normals(3, seed=1), normals(4, 1, seed=2)
    close(gaussian_log_prob(x, mean, logvar), gaussian_log_prob(x, mean.expand(4, 3), logvar.expand(4, 3)))
    close(
        gaussian_log_prob(x, 0.0, 0), gaussian_log_prob(x, torch.zeros(4, 3, **F64), torch.zeros(4, 3, **F64))
    )


@given(mean=moderate, logvar=moderate)
@settings(max_examples=30, deadline=None, derandomize=True)
def test_gaussian_integrates_to_one(mean, logvar):
    std = math.exp(logvar / 2)
    grid = torch.linspace(mean - 12 * std, mean + 12 * std, 2_001, **F64)
    density = gaussian_log_prob(grid, mean, logvar).exp()
    assert integrate.simpson(density.numpy(), x=grid.numpy()) == pytest.approx(1, abs=1e-9)


def test_gaussian_constant_is_there():
    # 784 dimensions at their mean: ½ log 2π each, once.
    x = torch.zeros(2, 28, 28, **F64)
    close(gaussian_log_prob(x, x, x), torch.full((2,), -392 * math.log(2 * math.pi), **F64))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtype_follows_the_input(dtype):
    x = torch.zeros(3, 2, dtype=dtype)
    assert gaussian_log_prob(x, 0.0, 0.0).dtype == dtype
    assert full_gaussian_log_prob(x, x[0], torch.eye(2, dtype=dtype)).dtype == dtype
    assert bernoulli_log_prob(x, x).dtype == dtype
    assert categorical_log_prob(torch.tensor([0, 1, 1]), x).dtype == dtype
    assert kl_to_standard_normal(x, x).dtype == dtype
    assert reparameterize(x, x).dtype == dtype


@pytest.mark.parametrize("mean_shape", [(4,), (1, 4, 3), (2,), (3, 4)])
def test_gaussian_refuses_a_shape_that_does_not_expand(mean_shape):
    with pytest.raises(ValueError, match=r"mean must have x's shape \(4, 3\), or expand to it, got \("):
        gaussian_log_prob(torch.zeros(4, 3), torch.zeros(mean_shape), 0.0)


def test_column_beside_row_is_refused():
    column, row = torch.zeros(4, 1), torch.zeros(4)
    with pytest.raises(ValueError, match=r"mean must have x's shape \(4,\)"):
        gaussian_log_prob(row, column, 0.0)
    with pytest.raises(ValueError, match=r"logvar must have x's shape \(4, 1\)"):
        gaussian_log_prob(column, column, row)


def test_scalar_and_integers_are_refused():
    with pytest.raises(ValueError, match=r"x must have the batch as its first dimension.*x.unsqueeze\(0\)"):
        gaussian_log_prob(torch.tensor(0.0), 0.0, 0.0)
    with pytest.raises(TypeError, match=r"x must hold floating-point numbers, got torch.int64"):
        gaussian_log_prob(torch.tensor([1]), 0.0, 0.0)
    with pytest.raises(TypeError, match=r"logvar must be a torch.Tensor, got str"):
        gaussian_log_prob(torch.zeros(1), 0.0, "0")


# Full Gaussian


def covariance_matrix(n_features, seed=3):
    root = normals(n_features, n_features + 2, seed=seed)
    return root @ root.T


@pytest.mark.parametrize("n_features", [1, 2, 5])
def test_full_gaussian_is_torchs_and_scipys(n_features):
    x, mean, covariance = normals(7, n_features), normals(n_features, seed=1), covariance_matrix(n_features)
    ours = full_gaussian_log_prob(x, mean, covariance)
    close(ours, d.MultivariateNormal(mean, covariance).log_prob(x))
    scipys = stats.multivariate_normal(mean.numpy(), covariance.numpy()).logpdf(x.numpy())
    close(ours, torch.as_tensor(scipys))


def test_full_gaussian_with_a_diagonal_is_the_diagonal_one():
    x, mean, logvar = normals(7, 4), normals(4, seed=1), normals(4, seed=2)
    close(full_gaussian_log_prob(x, mean, logvar.exp().diag()), gaussian_log_prob(x, mean, logvar))


def test_full_gaussian_integrates_to_one():
    mean, covariance = torch.tensor([0.3, -0.5], **F64), torch.tensor([[1.0, 0.8], [0.8, 1.5]], **F64)
    ticks = torch.linspace(-12, 12, 801, **F64)
    density = full_gaussian_log_prob(torch.cartesian_prod(ticks, ticks), mean, covariance).exp()
    step = ticks[1] - ticks[0]
    assert float(density.sum() * step**2) == pytest.approx(1, abs=1e-9)


def test_full_gaussian_gradients():
    x, mean, factor = normals(3, 2), normals(2, seed=1), normals(2, 2, seed=2)
    for tensor in (x, mean, factor):
        tensor.requires_grad_()

    def of_the_factor(x, mean, factor):
        return full_gaussian_log_prob(x, mean, factor @ factor.T + torch.eye(2, **F64))

    assert torch.autograd.gradcheck(of_the_factor, (x, mean, factor))


@pytest.mark.parametrize(
    ("mean", "covariance", "message"),
    [
        (
            torch.zeros(3),
            torch.eye(2),
            r"mean must have shape \(2,\), as x has rows of that length, got \(3,\)",
        ),
        (torch.zeros(2), torch.eye(3), r"covariance must have shape \(2, 2\), got \(3, 3\)"),
        (torch.zeros(2), torch.ones(2), r"covariance must have shape"),
        (
            torch.zeros(2),
            torch.tensor([[1.0, 0.5], [0.0, 1.0]]),
            r"symmetric; \(covariance \+ covariance.T\) / 2",
        ),
        (torch.zeros(2), torch.tensor([[1.0, 2.0], [2.0, 1.0]]), r"positive definite.*at row 1; add a small"),
        (torch.zeros(2), torch.zeros(2, 2), r"positive definite.*at row 0"),
        (torch.zeros(2), torch.eye(2) * math.nan, r"covariance contains NaN or infinity"),
        (torch.tensor([0.0, math.inf]), torch.eye(2), r"mean contains NaN or infinity"),
    ],
)
def test_full_gaussian_errors(mean, covariance, message):
    with pytest.raises(ValueError, match=message):
        full_gaussian_log_prob(torch.zeros(4, 2), mean, covariance)


def test_full_gaussian_wants_points():
    with pytest.raises(ValueError, match=r"x must have shape \(n_samples, n_features\).*x.unsqueeze\(1\)"):
        full_gaussian_log_prob(torch.zeros(4), torch.zeros(1), torch.eye(1))


# Bernoulli


@shapes
def test_bernoulli_is_torchs(shape):
    logits = 3 * normals(*shape)
    x = torch.bernoulli(torch.full(shape, 0.5, **F64), generator=seeded(1))
    close(bernoulli_log_prob(x, logits), summed(d.Bernoulli(logits=logits).log_prob(x)))


@given(logit=st.floats(-20, 20), logit2=st.floats(-20, 20))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_bernoulli_sums_to_one(logit, logit2):
    outcomes = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]], **F64)
    logits = torch.tensor([logit, logit2], **F64)
    assert float(bernoulli_log_prob(outcomes, logits).exp().sum()) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bernoulli_is_exact_at_extreme_logits(dtype):
    x = torch.tensor([1, 0, 1, 0], dtype=dtype)
    logits = torch.tensor([-1000, 1000, 50, -50], dtype=dtype, requires_grad=True)
    log_prob = bernoulli_log_prob(x, logits)
    close(
        log_prob, torch.tensor([-1000, -1000, -math.exp(-50), -math.exp(-50)], dtype=dtype), atol=0, rtol=1e-6
    )
    log_prob.sum().backward()
    assert torch.isfinite(logits.grad).all()


def test_bernoulli_between_zero_and_one_is_the_cross_entropy():
    x = torch.rand(6, 3, generator=seeded(), **F64)
    logits = normals(6, 3)
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1)
    close(bernoulli_log_prob(x, logits), -loss)


@pytest.mark.parametrize("value", [-0.01, 1.01, 255.0, math.nan])
def test_bernoulli_refuses_values_outside(value):
    x = torch.tensor([[0.0, 1.0], [0.5, value]])
    with pytest.raises(ValueError, match=r"x must lie in \[0, 1\], got values from .*divide pixels"):
        bernoulli_log_prob(x, torch.zeros(2, 2))


def test_bernoulli_names_the_shape():
    with pytest.raises(ValueError, match=r"logits must have x's shape \(2, 1, 28, 28\).*got \(2, 784\)"):
        bernoulli_log_prob(torch.zeros(2, 1, 28, 28), torch.zeros(2, 784))


# Categorical


def test_categorical_is_torchs():
    logits = 10 * normals(6, 4)
    labels = torch.tensor([0, 1, 2, 3, 3, 0])
    close(categorical_log_prob(labels, logits), d.Categorical(logits=logits).log_prob(labels))
    close(categorical_log_prob(labels.to(torch.uint8), logits), categorical_log_prob(labels, logits))


def test_categorical_sums_to_one():
    logits = normals(1, 5).expand(5, 5)
    assert float(categorical_log_prob(torch.arange(5), logits).exp().sum()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        (torch.tensor([0, 3]), ValueError, r"labels must be from 0 to 2.*got values from 0 to 3"),
        (torch.tensor([-1, 0]), ValueError, r"labels must be from 0 to 2.*got values from -1 to 0"),
        (torch.tensor([0, 1, 2]), ValueError, r"labels must be \(n,\) .* got \(3,\) and \(2, 3\)"),
        (torch.tensor([[0], [1]]), ValueError, r"got \(2, 1\) and \(2, 3\)"),
        (torch.tensor([0.0, 1.0]), TypeError, r"tensor of integers, got torch.float32; labels.long\(\)"),
        ([0, 1], TypeError, r"tensor of integers, got list"),
    ],
)
def test_categorical_errors(labels, error, message):
    with pytest.raises(error, match=message):
        categorical_log_prob(labels, torch.zeros(2, 3))


# KL


def kl_by_quadrature(q, p, low, high):
    def integrand(x):
        x = torch.tensor(x, **F64)
        return float(q.log_prob(x).exp() * (q.log_prob(x) - p.log_prob(x)))

    return integrate.quad(integrand, low, high, epsabs=1e-11)[0]


@given(mean=st.floats(-2, 2), logvar=st.floats(-3, 2))
@settings(max_examples=20, deadline=None, derandomize=True)
def test_kl_to_standard_normal_is_the_integral(mean, logvar):
    m, s = torch.tensor([[mean], [logvar]], **F64)
    q, p = d.Normal(m, (s / 2).exp()), d.Normal(torch.zeros(1, **F64), 1.0)
    std = q.scale.item()
    integral = kl_by_quadrature(q, p, mean - 10 * std, mean + 10 * std)
    ours = kl_to_standard_normal(m, s)
    assert ours.item() == pytest.approx(integral, abs=1e-9)


def test_kl_has_the_half():
    # N(1, 1) against N(0, 1) by hand: ½ (1 - 1 - 0 + 1²).
    assert kl_to_standard_normal(torch.tensor([1.0]), 0.0).item() == 0.5
    # logvar is log σ², not log σ: N(0, e²) has σ² = e², ½ (e² - 1 - 2).
    assert kl_to_standard_normal(torch.zeros(1, **F64), 2.0).item() == pytest.approx((math.e**2 - 3) / 2)


@shapes
def test_kl_to_standard_normal_is_the_general_one(shape):
    mean, logvar = normals(*shape), normals(*shape, seed=1)
    ours = kl_to_standard_normal(mean, logvar)
    assert ours.shape == shape[:1]
    close(ours, kl_divergence(d.Normal(mean, (logvar / 2).exp()), d.Normal(torch.zeros(shape, **F64), 1.0)))


@given(
    st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-50, 20) | st.floats(-1e-3, 1e-3)), min_size=1),
    st.sampled_from([torch.float32, torch.float64]),
)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_kl_is_never_negative(pairs, dtype):
    mean, logvar = torch.tensor(pairs, dtype=dtype).T
    assert (kl_to_standard_normal(mean, logvar) >= 0).all()


def test_kl_is_zero_only_at_equality():
    assert torch.equal(kl_to_standard_normal(torch.zeros(3, 2), torch.zeros(3, 2)), torch.zeros(3))
    assert (kl_to_standard_normal(torch.full((1,), 0.1), 0.0) > 0).all()
    assert (kl_to_standard_normal(torch.zeros(1), 0.1) > 0).all()
    q = d.Normal(normals(4, 3), normals(4, 3, seed=1).exp())
    close(kl_divergence(q, q), torch.zeros(4, **F64))


def test_kl_divergence_is_the_integral_in_both_directions():
    q, p = d.Normal(torch.tensor(0.5, **F64), 0.7), d.Normal(torch.tensor(-1.0, **F64), 1.8)
    assert kl_divergence(q, p).item() == pytest.approx(kl_by_quadrature(q, p, -7, 8), abs=1e-9)
    assert kl_divergence(p, q).item() == pytest.approx(kl_by_quadrature(p, q, -19, 17), abs=1e-9)
    assert kl_divergence(q, p).shape == ()


def test_kl_divergence_sums_all_but_the_batch():
    q = d.Normal(normals(5, 2, 3), 0.5)
    p = d.Normal(torch.zeros(2, 3, **F64), 1.0)
    close(kl_divergence(q, p), d.kl_divergence(q, p).sum((1, 2)))
    close(kl_divergence(d.Independent(q, 2), d.Independent(p, 2)), kl_divergence(q, p))
    close(kl_divergence(d.Normal(normals(5), 1.0), d.Normal(0.0, 1.0)), normals(5) ** 2 / 2)


def test_kl_divergence_of_categoricals():
    logits, other = normals(4, 6), normals(4, 6, seed=1)
    probabilities, others = logits.softmax(1).numpy(), other.softmax(1).numpy()
    ours = kl_divergence(d.Categorical(logits=logits), d.Categorical(logits=other))
    close(ours, torch.as_tensor(stats.entropy(probabilities, others, axis=1)))


def test_kl_divergence_without_a_closed_form():
    mixture = d.MixtureSameFamily(d.Categorical(torch.ones(2)), d.Normal(torch.zeros(2), 1.0))
    with pytest.raises(TypeError) as error:
        kl_divergence(d.Normal(torch.zeros(()), 1.0), mixture)
    assert "for q Normal and p MixtureSameFamily" in str(error.value)
    assert "(q.log_prob(x) - p.log_prob(x)).mean(0)" in str(error.value)


def test_the_advice_for_no_closed_form_works():
    torch.manual_seed(0)
    q, p = d.Normal(torch.tensor([0.5], **F64), 0.7), d.Normal(torch.tensor([-1.0], **F64), 1.8)
    x = q.sample((10_000,))
    terms = q.log_prob(x) - p.log_prob(x)
    assert (terms.mean(0) - kl_divergence(q, p)).abs() < 5 * terms.std() / math.sqrt(10_000)


def test_kl_divergence_errors():
    with pytest.raises(TypeError, match=r"p must be a torch.distributions.Distribution, got Tensor"):
        kl_divergence(d.Normal(0.0, 1.0), torch.zeros(1))
    for shape in [(4, 1), (3,), (2, 4, 1)]:
        with pytest.raises(ValueError, match=r"same batch shape.*got \(4,\) and \("):
            kl_divergence(d.Normal(torch.zeros(4), 1.0), d.Normal(torch.zeros(shape), 1.0))


# The reparameterised draw


def test_reparameterize_has_the_moments():
    n = 100_000
    mean, logvar = torch.tensor([1.0, -2.0], **F64), torch.tensor([-2.0, 3.0], **F64)
    z = reparameterize(mean.expand(n, 2), logvar.expand(n, 2), generator=seeded())
    variance = logvar.exp()
    assert ((z.mean(0) - mean).abs() < 5 * (variance / n).sqrt()).all()
    assert ((z.var(0) - variance).abs() < 5 * variance * math.sqrt(2 / n)).all()


def test_reparameterize_is_the_formula_with_its_gradients():
    mean, logvar = normals(6, 3).requires_grad_(), normals(6, 3, seed=1).requires_grad_()
    z = reparameterize(mean, logvar, generator=seeded(7))
    noise = normals(6, 3, seed=7)
    close(z, mean + (logvar / 2).exp() * noise)
    to_mean, to_logvar = torch.autograd.grad(z.sum(), (mean, logvar))
    close(to_mean, torch.ones(6, 3, **F64))
    close(to_logvar, (logvar / 2).exp() * noise / 2)


def test_reparameterize_by_the_global_generator():
    torch.manual_seed(3)
    first = reparameterize(torch.zeros(4), 0.0)
    torch.manual_seed(3)
    assert torch.equal(first, reparameterize(torch.zeros(4), 0.0))
    assert not torch.equal(first, reparameterize(torch.zeros(4), 0.0))


def test_reparameterize_errors():
    with pytest.raises(
        ValueError, match=r"logvar must have mean's shape \(4, 2\), or expand to it, got \(4,\)"
    ):
        reparameterize(torch.zeros(4, 2), torch.zeros(4))


def test_the_gradient_of_an_expectation():
    # d/dm E[z²] = 2m and d/ds E[z²] = exp(s) for z ~ N(m, exp(s)).
    n = 200_000
    mean = torch.tensor(0.7, **F64).requires_grad_()
    logvar = torch.tensor(-1.0, **F64).requires_grad_()
    z = reparameterize(mean.expand(n), logvar, generator=seeded())
    to_mean, to_logvar = torch.autograd.grad((z**2).mean(), (mean, logvar))
    variance = math.exp(-1)
    # Single terms: 2z, and z·(z - m), of variances 4σ² and m²σ² + 2σ⁴.
    assert abs(to_mean - 1.4) < 5 * math.sqrt(4 * variance / n)
    assert abs(to_logvar - variance) < 5 * math.sqrt((0.49 * variance + 2 * variance**2) / n)


def test_under_vmap():
    # Several seeds trained as one batched model: values cannot be checked there, the results are the same.
    x = torch.bernoulli(torch.full((3, 5, 4), 0.5), generator=seeded())
    logits = torch.randn(3, 5, 4, generator=seeded(1))
    batched = torch.func.vmap(bernoulli_log_prob)(x, logits)
    close(batched, torch.stack([bernoulli_log_prob(a, b) for a, b in zip(x, logits, strict=True)]))
    labels = torch.tensor([[0, 1, 2, 3, 0]] * 3)
    batched = torch.func.vmap(categorical_log_prob)(labels, logits)
    close(batched, torch.stack([categorical_log_prob(a, b) for a, b in zip(labels, logits, strict=True)]))
    batched = torch.func.vmap(gaussian_log_prob)(x, logits, logits)
    close(batched, torch.stack([gaussian_log_prob(a, b, b) for a, b in zip(x, logits, strict=True)]))


def test_numbers_of_numpy_are_numbers():
    close(
        gaussian_log_prob(torch.zeros(2), np.float64(0.0), 0.0), gaussian_log_prob(torch.zeros(2), 0.0, 0.0)
    )
