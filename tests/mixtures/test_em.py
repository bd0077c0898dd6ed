"""EM against independent oracles, its invariants, and what it says about bad input."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from sklearn.mixture import GaussianMixture as ScikitMixture

from course_utils.data import gaussian_ring, load_iris, load_old_faithful
from course_utils.mixtures import (
    GaussianMixture,
    MixtureParameters,
    e_step,
    fit_em,
    full_covariances,
    has_converged,
    lower_bound,
    m_step,
    n_free_parameters,
    sample_mixture,
)
from course_utils.mixtures import em as em_module
from course_utils.mixtures.parameters import COVARIANCE_TYPES, covariance_shape, log_joint

IRIS, FAITHFUL = load_iris().points, load_old_faithful().points


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def random_start(x, k, kind, seed=0):
    responsibilities = torch.rand(len(x), k, generator=seeded(seed), dtype=x.dtype)
    return m_step(x, responsibilities / responsibilities.sum(1, keepdim=True), covariance_type=kind)


# Total log-likelihoods from k-means starts with a tight tolerance: computed with scikit-learn, the iris rows
# also printed by mclust and the waiting times by mixtools.
@pytest.mark.parametrize(
    ("x", "k", "kind", "expected"),
    [
        (IRIS, 3, "full", -180.1855),
        (IRIS, 3, "tied", -256.354),
        (IRIS, 3, "diag", -307.178),
        (IRIS, 2, "full", -214.355),
        (IRIS, 1, "full", -379.915),
        (FAITHFUL, 2, "full", -1130.264),
        (FAITHFUL, 3, "tied", -1126.316),
        (FAITHFUL[:, 1:], 2, "tied", -1034.002),
    ],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_reference_log_likelihoods(x, k, kind, expected, seed):
    parameters, history = fit_em(
        x, k, covariance_type=kind, tol=1e-10, max_iter=5000, reg_covar=1e-9, generator=seeded(seed)
    )
    assert has_converged(history, 1e-10)
    assert float(e_step(x, parameters).log_prob.sum()) == pytest.approx(expected, abs=6e-4)


def test_reference_parameters_of_old_faithful():
    parameters, _ = fit_em(FAITHFUL, 2, tol=1e-10, max_iter=5000, reg_covar=1e-9, generator=seeded())
    order = parameters.weights.argsort()
    weights, means, covariances = (part[order].numpy() for part in parameters)
    np.testing.assert_allclose(weights, [0.3559, 0.6441], atol=6e-5)
    np.testing.assert_allclose(means, [[2.0364, 54.4785], [4.2897, 79.9681]], atol=6e-5)
    expected = [[[0.0692, 0.4352], [0.4352, 33.697]], [[0.1700, 0.9406], [0.9406, 36.046]]]
    np.testing.assert_allclose(covariances, expected, rtol=2e-3)


@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
def test_same_iterations_as_scikit_learn(kind):
    start = random_start(IRIS, 3, kind)
    arrays = [part.numpy() for part in start]
    precisions = {
        "full": lambda c: np.linalg.inv(c),
        "tied": lambda c: np.linalg.inv(c[0]),
        "diag": lambda c: 1 / c,
        "spherical": lambda c: 1 / c[:, 0],
    }[kind](arrays[2])
    settings = {"n_components": 3, "covariance_type": kind, "max_iter": 12, "tol": 0.0}
    settings |= {"weights_init": arrays[0], "means_init": arrays[1], "precisions_init": precisions}
    with pytest.warns(Warning, match="converge"):
        theirs = ScikitMixture(**settings).fit(IRIS.numpy())
    with pytest.warns(Warning, match="converge"):
        ours = GaussianMixture(**settings).fit(IRIS.numpy())
    for name in ("weights_", "means_", "covariances_", "precisions_"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-7, atol=1e-10)
        assert getattr(ours, name).shape == getattr(theirs, name).shape
    product = (
        ours.precisions_cholesky_ @ ours.precisions_cholesky_.swapaxes(-1, -2) if kind == "full" else None
    )
    if product is not None:
        np.testing.assert_allclose(product, theirs.precisions_, rtol=1e-7)
    np.testing.assert_allclose(ours.lower_bounds_, theirs.lower_bounds_, rtol=1e-9)
    assert ours.n_iter_ == theirs.n_iter_ == 12


@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
def test_e_step_agrees_with_scipy(kind):
    parameters = random_start(IRIS, 3, kind)
    densities = np.stack(
        [
            float(w) * multivariate_normal(m.numpy(), c.numpy()).pdf(IRIS.numpy())
            for w, m, c in zip(
                parameters.weights, parameters.means, full_covariances(parameters), strict=True
            )
        ],
        axis=1,
    )
    step = e_step(IRIS, parameters)
    np.testing.assert_allclose(step.log_prob, np.log(densities.sum(1)), rtol=1e-9)
    np.testing.assert_allclose(step.responsibilities, densities / densities.sum(1, keepdims=True), rtol=1e-7)


def test_all_covariance_types_agree_in_one_dimension_with_one_component():
    x = FAITHFUL[:, :1]
    fits = [fit_em(x, 1, covariance_type=kind, generator=seeded())[0] for kind in COVARIANCE_TYPES]
    for fit in fits:
        torch.testing.assert_close(full_covariances(fit), full_covariances(fits[0]))


@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
@pytest.mark.parametrize("seed", range(3))
def test_the_bound_never_falls(kind, seed):
    start = random_start(IRIS, 4, kind, seed)
    _, history = fit_em(IRIS, 4, covariance_type=kind, start=start, tol=0.0, max_iter=80, reg_covar=0.0)
    bounds = np.array(history["bound"])
    assert (np.diff(bounds) >= -1e-12 * np.abs(bounds[1:])).all()
    assert bounds[-1] > bounds[0]


def test_bound_plus_kl_is_the_log_likelihood():
    parameters = random_start(IRIS, 3, "full")
    q = torch.rand(len(IRIS), 3, generator=seeded(1), dtype=torch.float64)
    q[:50, 0] = 0  # a component that q rules out
    q = q / q.sum(1, keepdim=True)
    step = e_step(IRIS, parameters)
    kl = (torch.special.xlogy(q, q) - torch.special.xlogy(q, step.responsibilities)).sum(1)
    torch.testing.assert_close(lower_bound(IRIS, q, parameters) + kl, step.log_prob)
    torch.testing.assert_close(lower_bound(IRIS, step.responsibilities, parameters), step.log_prob)


def test_m_step_is_a_stationary_point_of_the_bound():
    q = torch.softmax(torch.randn(len(IRIS), 3, generator=seeded(2), dtype=torch.float64), 1)
    best = m_step(IRIS, q, reg_covar=0.0)
    means, covariances = (part.clone().requires_grad_() for part in best[1:])
    bound = lower_bound(IRIS, q, MixtureParameters(best.weights, means, covariances)).mean()
    for gradient in torch.autograd.grad(bound, (means, covariances)):
        torch.testing.assert_close(gradient, torch.zeros_like(gradient), atol=1e-10, rtol=0)


def test_recovers_the_parameters_that_made_the_data():
    true = MixtureParameters(
        torch.tensor([0.3, 0.7], dtype=torch.float64),
        torch.tensor([[0.0, 0.0], [4.0, 1.0]], dtype=torch.float64),
        torch.tensor([[[1.0, 0.5], [0.5, 1.0]], [[0.5, 0.0], [0.0, 2.0]]], dtype=torch.float64),
    )
    n = 40_000
    x, labels = sample_mixture(true, n, generator=seeded())
    fitted, _ = fit_em(x, 2, tol=1e-8, max_iter=500, generator=seeded())
    order = fitted.weights.argsort()
    # Five standard errors; the largest is that of a variance of 2 from 0.7 n points.
    assert abs(float(fitted.weights[order][0]) - 0.3) < 5 * (0.21 / n) ** 0.5 * 2
    torch.testing.assert_close(fitted.means[order], true.means, atol=5 * (2 / (0.3 * n)) ** 0.5, rtol=0)
    tolerance = 5 * 2 * (2 / (0.3 * n)) ** 0.5
    torch.testing.assert_close(fitted.covariances[order], true.covariances, atol=tolerance, rtol=0)
    assert abs(float(labels.double().mean()) - 0.7) < 5 * (0.21 / n) ** 0.5


@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_tight_clusters_far_apart(kind, dtype):
    n, std = 4000, 1e-3
    x = torch.randn(n, 2, generator=seeded(), dtype=torch.float64) * std
    x[: n // 2] += 10
    x[n // 2 :] -= 10
    parameters, _ = fit_em(x.to(dtype), 2, covariance_type=kind, reg_covar=0.0, tol=1e-9, generator=seeded())
    variances = full_covariances(parameters).diagonal(dim1=1, dim2=2).double()
    # Five standard errors of a variance from 2,000 points.
    np.testing.assert_allclose(variances, std**2, rtol=5 * (2 / (n // 2)) ** 0.5)
    np.testing.assert_allclose(parameters.means.abs(), 10, atol=1e-4)
    exact, _ = fit_em(
        x.to(dtype).double(), 2, covariance_type=kind, reg_covar=0.0, tol=1e-9, generator=seeded()
    )
    np.testing.assert_allclose(variances, full_covariances(exact).diagonal(dim1=1, dim2=2), rtol=2e-3)


class Blocks:
    """A re-iterable of blocks, as if read from a disk, that counts how much it holds at once."""

    def __init__(self, x, size):
        self.x, self.size, self.passes = x, size, 0

    def __iter__(self):
        self.passes += 1
        for start in range(0, len(self.x), self.size):
            yield self.x[start : start + self.size]


@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
@pytest.mark.parametrize("size", [37, 1000])
def test_chunks_give_the_same_fit_as_the_array(kind, size):
    x = gaussian_ring(3000, std=0.2, generator=seeded()).points.double()
    start = random_start(x, 8, kind)
    whole, history = fit_em(x, 8, covariance_type=kind, start=start, max_iter=20, tol=0.0)
    blocks = Blocks(x.numpy(), size)
    streamed, streamed_history = fit_em(blocks, 8, covariance_type=kind, start=start, max_iter=20, tol=0.0)
    np.testing.assert_allclose(streamed_history["bound"], history["bound"], rtol=1e-9)
    for a, b in zip(whole, streamed, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-7, atol=1e-10)
    assert blocks.passes == 21, "one pass to describe the data, one for each iteration"


def test_chunks_through_the_estimator_from_its_own_start():
    x = gaussian_ring(3000, std=0.05, generator=seeded()).points.double().numpy()
    model = GaussianMixture(8, random_state=0).fit(Blocks(x, 500))
    assert model.score(x) == pytest.approx(GaussianMixture(8, random_state=0).fit(x).score(x), rel=1e-9)
    np.testing.assert_array_equal(model.predict(Blocks(x, 500)), model.predict(x))


def test_something_that_can_be_read_only_once_is_refused():
    with pytest.raises(TypeError, match=r"read only once.*generator.*list of blocks"):
        fit_em((block for block in [IRIS]), 2)


@pytest.mark.parametrize("init_params", ["kmeans", "k-means++", "random", "random_from_data"])
def test_every_start_gives_a_fit_and_several_starts_keep_the_best(init_params):
    one = GaussianMixture(3, init_params=init_params, random_state=0, max_iter=500).fit(IRIS)
    many = GaussianMixture(3, init_params=init_params, random_state=0, max_iter=500, n_init=5).fit(IRIS)
    assert many.lower_bound_ >= one.lower_bound_
    assert one.converged_


# Bad input: the error names the argument, says what came, and what to do.


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_components": 0}, "n_components must be at least 1, got 0"),
        ({"n_components": 151}, "n_components must be at most the number of samples, 150, got 151"),
        ({"covariance_type": "diagonal"}, "covariance_type must be one of 'full'.*got 'diagonal'"),
        ({"init_params": "k-mean"}, "init_params must be one of.*got 'k-mean'"),
        ({"tol": -1.0}, "tol must be at least 0, got -1"),
        ({"reg_covar": -1.0}, "reg_covar must be at least 0"),
        ({"max_iter": 0}, "max_iter must be at least 1"),
        ({"n_init": 0}, "n_init must be at least 1"),
        ({"x": IRIS[:, 0]}, "x must have shape"),
        (
            {"x": torch.full((5, 2), torch.nan)},
            r"x contains NaN or infinity: 10 value\(s\), the first at index \(0, 0\)",
        ),
        ({"x": torch.tensor([[1.0, 2.0], [torch.inf, 3.0]])}, r"the first at index \(1, 0\)"),
        ({"x": [IRIS, IRIS[:, :2]]}, r"x must have 4 feature\(s\) per row, got 2"),
    ],
)
def test_bad_input_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        fit_em(**({"x": IRIS, "n_components": 3} | change))


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        (
            "weights",
            [0.5, 0.4, 0.2],
            "weights must be non-negative and sum to 1.*1.1.*divide them by their sum",
        ),
        ("weights", [0.5, 0.5], r"weights must have shape \(3,\)"),
        ("means", [[0.0] * 3] * 3, r"means must have 4 feature\(s\) per row, got 3"),
        ("covariances", [[[0.0] * 4] * 4] * 3, r"covariances\[0\] must be symmetric and positive definite"),
        ("covariances", [[1.0] * 5] * 3, "covariances must have one of the shapes"),
        ("covariances", [[1.0] * 4] * 3, r"start must have covariances of shape \(3, 4, 4\)"),
    ],
)
def test_a_bad_start_is_named(part, value, message):
    start = random_start(IRIS, 3, "full")._replace(**{part: torch.tensor(value, dtype=torch.float64)})
    with pytest.raises(ValueError, match=message):
        fit_em(IRIS, 3, start=start)


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        ("weights_init", [0.5, 0.4, 0.2], "weights_init must be non-negative and sum to 1"),
        ("means_init", [[0.0] * 3] * 3, r"means_init must have 4 feature\(s\)"),
        ("means_init", [[0.0] * 4] * 2, r"means_init must have shape \(3, n_features\), got \(2, 4\)"),
        ("precisions_init", [-np.eye(4)] * 3, "precisions_init must be symmetric and positive definite"),
        ("precisions_init", [np.eye(3)] * 2, r"precisions_init must have shape \(3, 4, 4\) for 3 full"),
        ("precisions_init", 3.0, r"precisions_init must have shape \(3, 4, 4\)"),
        ("precisions_init", np.full((3, 4, 4), np.inf), "precisions_init must be finite"),
    ],
)
def test_a_bad_start_of_the_estimator_is_named(argument, value, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixture(3, **{argument: np.array(value)}).fit(IRIS)


def test_another_feature_count_than_fitted_is_named():
    model = GaussianMixture(2, random_state=0).fit(IRIS)
    with pytest.raises(ValueError, match="X has 3 features, but GaussianMixture is expecting 4"):
        model.predict(IRIS[:, :3])


@pytest.mark.parametrize("kind", ["full", "diag", "spherical"])
def test_a_collapse_is_explained_and_cured(kind):
    x = FAITHFUL
    start = m_step(x, torch.full((len(x), 2), 0.5, dtype=torch.float64), covariance_type=kind)
    means = torch.stack([x[0], start.means[1]])
    covariances = start.covariances.clone()
    covariances[0] *= 1e-9  # a component that sees nothing but point 0
    start = start._replace(means=means, covariances=covariances)
    with pytest.raises(ValueError, match=r"component 0.*collapsed in iteration 1.*Raise reg_covar \(now 0\)"):
        fit_em(x, 2, covariance_type=kind, start=start, reg_covar=0.0)
    cured, _ = fit_em(x, 2, covariance_type=kind, start=start, reg_covar=1e-3, max_iter=500)
    assert all(part.isfinite().all() for part in cured)


def test_ctrl_c_leaves_the_best_so_far():
    start = random_start(IRIS, 3, "full")
    three_steps, _ = fit_em(IRIS, 3, start=start, max_iter=3, tol=0.0)

    class Interrupting(Blocks):
        def __iter__(self):
            yield from super().__iter__()
            if self.passes == 4:  # in the third iteration; the first pass describes the data
                os.kill(os.getpid(), signal.SIGINT)

    with pytest.warns(UserWarning, match="interrupted"):
        parameters, history = fit_em(Interrupting(IRIS, 50), 3, start=start, max_iter=50, tol=0.0)
    assert history.interrupted
    assert not has_converged(history, 1e9)
    for a, b in zip(parameters, three_steps, strict=True):
        torch.testing.assert_close(a, b)


def test_an_interruption_within_a_step_leaves_the_step_before():
    class Raising(Blocks):
        def __iter__(self):
            yield from super().__iter__()
            if self.passes == 4:
                raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="interrupted"):
        model = GaussianMixture(3, random_state=0).fit(Raising(IRIS.numpy(), 50))
    assert not model.converged_
    assert np.isfinite(model.means_).all()


def test_a_weight_of_zero_stays_finite():
    start = random_start(IRIS, 3, "full")
    start = start._replace(weights=torch.tensor([0.5, 0.5, 0.0], dtype=torch.float64))
    parameters, history = fit_em(IRIS, 3, start=start, max_iter=5, tol=0.0)
    assert all(part.isfinite().all() for part in parameters)
    assert np.isfinite(history["bound"]).all()
    assert log_joint(IRIS, start).isneginf()[:, 2].all()


@pytest.mark.parametrize("kind", COVARIANCE_TYPES)
def test_free_parameters_and_criteria_agree_with_scikit_learn(kind):
    theirs = ScikitMixture(3, covariance_type=kind, random_state=0).fit(IRIS)
    start = {
        "weights_init": theirs.weights_,
        "means_init": theirs.means_,
        "precisions_init": theirs.precisions_,
    }
    ours = GaussianMixture(3, covariance_type=kind, max_iter=500, **start).fit(IRIS)
    assert n_free_parameters(3, 4, kind) == theirs._n_parameters()
    n, total = len(IRIS), ours.score(IRIS) * len(IRIS)
    assert ours.bic(IRIS) == pytest.approx(theirs._n_parameters() * np.log(n) - 2 * total)
    assert ours.aic(IRIS) == pytest.approx(2 * theirs._n_parameters() - 2 * total)
    assert covariance_shape(3, 4, kind)[0] == (1 if kind == "tied" else 3)


def test_the_fit_runs_in_the_dtype_of_the_data():
    for dtype in (np.float32, np.float64):
        model = GaussianMixture(2, random_state=0).fit(FAITHFUL.numpy().astype(dtype))
        assert model.means_.dtype == model.covariances_.dtype == dtype
        assert model.score_samples(FAITHFUL.numpy().astype(dtype)).dtype == dtype


def test_given_all_three_starts_nothing_is_drawn(monkeypatch):
    def fail(*args, **kwargs):
        raise AssertionError("a start was drawn")

    monkeypatch.setattr(em_module, "initial_responsibilities", fail)
    start = random_start(IRIS, 2, "diag")
    GaussianMixture(
        2,
        covariance_type="diag",
        weights_init=start.weights,
        means_init=start.means,
        precisions_init=start.covariances.reciprocal(),
        max_iter=500,
    ).fit(IRIS)


def test_arrays_tensors_and_integers_are_taken_everywhere():
    parameters = random_start(IRIS, 3, "full")
    arrays = tuple(part.numpy() for part in parameters)
    step = e_step(IRIS, parameters)
    torch.testing.assert_close(e_step(IRIS.numpy(), arrays), step)
    torch.testing.assert_close(
        m_step(IRIS.numpy(), step.responsibilities.numpy()), m_step(IRIS, step.responsibilities)
    )
    torch.testing.assert_close(fit_em(IRIS, 3, start=arrays)[0], fit_em(IRIS.numpy(), 3, start=parameters)[0])
    integers = torch.arange(12).view(6, 2)
    torch.testing.assert_close(
        e_step(integers, fit_em(integers, 1)[0]).responsibilities.sum(1), torch.ones(6).double()
    )


@pytest.mark.parametrize("init_params", ["kmeans", "k-means++"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_features_of_very_different_size_are_no_collapse(dtype, init_params):
    rng = np.random.default_rng(0)
    x = np.c_[1e6 + 2e5 * rng.standard_normal(500), 40 + 0.5 * rng.standard_normal(500)].astype(dtype)
    for kind in COVARIANCE_TYPES:
        parameters, _ = fit_em(x, 2, covariance_type=kind, init_params=init_params, generator=seeded())
        assert all(part.isfinite().all() for part in parameters)


@pytest.mark.parametrize(("dtype", "std"), [(torch.float32, 1e-3), (torch.float64, 1e-6)])
def test_one_step_from_wide_components_to_tight_ones_loses_nothing(dtype, std):
    """Products would do for the E-step here, but the variances after it come from numbers that cancel."""
    n = 4000
    x = torch.randn(n, 1, generator=seeded(), dtype=torch.float64) * std
    x[: n // 2] += 10
    x[n // 2 :] -= 10
    x = x.to(dtype)
    wide = MixtureParameters(
        torch.full((2,), 0.5, dtype=dtype),
        torch.tensor([[10.0], [-10.0]], dtype=dtype),
        torch.full((2, 1, 1), 4.0, dtype=dtype),
    )
    fitted, _ = fit_em(x, 2, start=wide, max_iter=1, tol=0.0, reg_covar=0.0)
    exact = torch.stack([part.double().var(correction=0) for part in (x[: n // 2], x[n // 2 :])])
    torch.testing.assert_close(fitted.covariances.flatten().double(), exact, rtol=1e-4, atol=0)


@pytest.mark.parametrize("power", range(-12, 1, 2))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_no_width_is_between_the_two_forms(power, dtype):
    """Where one form takes over from the other, the result must be as good as on either side."""
    n, std = 20_000, 10 ** (power / 4)
    x = torch.randn(n, 1, generator=seeded(), dtype=torch.float64) * std
    x[: n // 2] += 10
    x[n // 2 :] -= 10
    x = x.to(dtype)
    start = m_step(x, torch.nn.functional.one_hot((x[:, 0] < 0).long(), 2).to(dtype), reg_covar=0.0)
    fitted, history = fit_em(x, 2, start=start, reg_covar=0.0, tol=0.0, max_iter=10)
    exact, _ = fit_em(x.double(), 2, start=start, reg_covar=0.0, tol=0.0, max_iter=10)
    # A tenth of the standard error of the variance, (2 / 10,000)^½, at the very most.
    torch.testing.assert_close(fitted.covariances.double(), exact.covariances, rtol=1.4e-3, atol=0)
    allowed = {torch.float32: 3e-5, torch.float64: 1e-9}[dtype]
    assert (np.diff(history["bound"]) > -allowed).all()
    blocks = fit_em(Blocks(x, 777), 2, start=start, reg_covar=0.0, tol=0.0, max_iter=10)[1]
    np.testing.assert_allclose(
        blocks["bound"], history["bound"], rtol=1e-9 if dtype == torch.float64 else 3e-5
    )


def test_data_that_shrink_after_the_first_pass_are_refused():
    class Once(Blocks):
        def __iter__(self):
            for number, block in enumerate(super().__iter__()):
                if self.passes == 1 or number == 0:
                    yield block

    with pytest.raises(ValueError, match=r"x gave 150 rows at first and 50 in iteration 1.*start anew"):
        fit_em(Once(IRIS, 50), 3, start=random_start(IRIS, 3, "full"))


def test_blocks_that_do_not_fit_together_or_do_not_exist_are_named():
    with pytest.raises(ValueError, match=r"x has blocks of torch.float32 and torch.float64"):
        fit_em([IRIS.float(), IRIS], 2)
    for empty in ([], [IRIS[:0]]):
        with pytest.raises(ValueError, match=r"x is empty|x must have shape"):
            fit_em(empty, 2)
    with pytest.raises(ValueError, match=r"overflow.*float64"):
        fit_em(torch.full((5, 2), 1e25) * torch.arange(5)[:, None], 1)
    some_empty, _ = fit_em([IRIS[:0], IRIS[:100], IRIS[100:]], 1)
    torch.testing.assert_close(some_empty.means[0], IRIS.mean(0))


def test_one_start_that_collapses_does_not_cost_the_others():
    good = random_start(IRIS, 2, "full")
    bad = good._replace(covariances=good.covariances * 1e-40)
    starts = iter([good, bad, good])
    with pytest.warns(UserWarning, match="1 of 3 starts collapsed"):
        parameters, _ = fit_em(IRIS, 2, start=lambda: next(starts), n_init=3, reg_covar=0.0)
    torch.testing.assert_close(parameters, fit_em(IRIS, 2, start=good, reg_covar=0.0)[0])


def test_an_interruption_between_starts_keeps_the_finished_ones():
    good = random_start(IRIS, 2, "full")
    calls = []

    def start():
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return good

    with pytest.warns(UserWarning, match="interrupted"):
        parameters, history = fit_em(IRIS, 2, start=start, n_init=3)
    assert history.interrupted
    torch.testing.assert_close(parameters, fit_em(IRIS, 2, start=good)[0])


STREAM = """
import resource, sys, torch
from course_utils.mixtures import fit_em

class Stream:
    def __init__(self, n_blocks): self.n_blocks = n_blocks
    def __iter__(self):
        for seed in range(self.n_blocks):
            yield torch.randn(50_000, 8, generator=torch.Generator().manual_seed(seed))

fit_em(Stream(int(sys.argv[1])), 2, max_iter=2, tol=0.0)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_number_of_samples():
    def peak(n_blocks):
        command = [sys.executable, "-W", "ignore", "-c", STREAM, str(n_blocks)]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout) / 1024  # MiB

    few, many = peak(4), peak(100)
    assert many < few + 40, "96 more blocks of 1.5 MiB each are 146 MiB"
