"""The mixture behind scikit-learn's estimator conventions."""

import warnings
from collections.abc import Iterator
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from course_utils.mixtures.chunks import EMPTY, Chunks, is_array
from course_utils.mixtures.em import e_step, fit_em, has_converged, initial_parameters
from course_utils.mixtures.parameters import (
    COVARIANCE_TYPES,
    EStep,
    MixtureParameters,
    check_parameters,
    covariance_shape,
    n_free_parameters,
    sample_mixture,
)
from course_utils.mixtures.starts import INIT_PARAMS, rows_to_start_from
from course_utils.validation import as_float_tensor, check_choice, check_count, check_number

__all__ = ["GaussianMixture"]

ROWS_AT_ONCE = 50_000


class GaussianMixture(DensityMixin, BaseEstimator):
    """Gaussian mixture fitted by EM; parameters and fitted names mean what they mean in scikit-learn.

    `X` may be an array, a tensor, or a re-iterable of blocks for data larger than memory (see `fit_em`).
    Fitted attributes and results are NumPy arrays, in the dtype of the data; `parameters_` gives tensors for
    `e_step` and its friends.

    Args:
        n_components: number of Gaussians.
        covariance_type: "full", "tied", "diag" or "spherical".
        tol: EM stops when an iteration changes the bound by less, in nats per example.
        reg_covar: added to every variance.
        max_iter: most iterations per start.
        n_init: number of starts; the best is kept.
        init_params: "kmeans", "k-means++", "random" or "random_from_data".
        weights_init: (n_components,), instead of what `init_params` gives.
        means_init: (n_components, n_features), likewise.
        precisions_init: inverse covariances, in scikit-learn's shapes, likewise; with all three given
            nothing is drawn and no k-means runs.
        random_state: seed or `numpy.random.RandomState`, for the starts and for `sample`.
        warm_start: whether `fit` goes on from the last fit.

    Attributes:
        weights_: (n_components,).
        means_: (n_components, n_features).
        covariances_: full (K, d, d), tied (d, d), diag (K, d), spherical (K,).
        precisions_: inverse covariances, in the same shapes.
        precisions_cholesky_: upper triangular U with UUᵀ = precision; square roots for diag and spherical.
        converged_: whether the last change of the bound was below `tol`.
        n_iter_: iterations of the best start.
        lower_bounds_: mean log p(x) at each of its E-steps, nats per example.
        lower_bound_: the last of them.
    """

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: str = "full",
        tol: float = 1e-3,
        reg_covar: float = 1e-6,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: str = "kmeans",
        weights_init: Any = None,
        means_init: Any = None,
        precisions_init: Any = None,
        random_state: Any = None,
        warm_start: bool = False,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.random_state = random_state
        self.warm_start = warm_start

    def fit(self, X: Any, y: Any = None) -> Self:
        """Estimate the parameters by EM.

        Args:
            X: (n_samples, n_features), or a re-iterable of such blocks.
            y: ignored.

        Returns:
            The estimator itself.
        """
        check_count(self.n_components, "n_components")
        check_choice(self.covariance_type, "covariance_type", COVARIANCE_TYPES)
        check_choice(self.init_params, "init_params", INIT_PARAMS)
        check_number(self.reg_covar, "reg_covar", minimum=0)
        data = self._validated(X, reset=True)
        generator = torch.Generator().manual_seed(
            int(check_random_state(self.random_state).randint(2**31 - 1))
        )
        start: Any = None
        if self.warm_start and hasattr(self, "converged_"):
            start = self.parameters_
        elif any(part is not None for part in (self.weights_init, self.means_init, self.precisions_init)):
            start = self._given_start(data, generator)
        parameters, history = fit_em(
            data,
            self.n_components,
            covariance_type=self.covariance_type,
            start=start,
            init_params=self.init_params,
            n_init=self.n_init,
            max_iter=self.max_iter,
            tol=self.tol,
            reg_covar=self.reg_covar,
            generator=generator,
        )
        self._store(parameters)
        self.n_features_in_ = self.means_.shape[1]
        self.lower_bounds_ = history["bound"] if "bound" in history else []
        self.lower_bound_ = self.lower_bounds_[-1] if self.lower_bounds_ else -np.inf
        self.n_iter_ = len(self.lower_bounds_)
        self.converged_ = has_converged(history, self.tol)
        if not self.converged_ and not history.interrupted:
            warnings.warn(
                f"EM did not converge in max_iter={self.max_iter} iterations: the bound still changes by "
                f"more than tol={self.tol:g} nats per example; raise max_iter or tol, or try another start",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def fit_predict(self, X: Any, y: Any = None) -> np.ndarray:
        """Fit, and return the most probable component of each row."""
        return self.fit(X).predict(X)

    def predict(self, X: Any) -> np.ndarray:
        """Most probable component of each row, (n_samples,)."""
        return np.concatenate([step.responsibilities.argmax(1).numpy() for step in self._e_steps(X)])

    def predict_proba(self, X: Any) -> np.ndarray:
        """Responsibilities, (n_samples, n_components)."""
        return np.concatenate([step.responsibilities.numpy() for step in self._e_steps(X)])

    def score_samples(self, X: Any) -> np.ndarray:
        """Log-density of each row, (n_samples,), in nats."""
        return np.concatenate([step.log_prob.numpy() for step in self._e_steps(X)])

    def score(self, X: Any, y: Any = None) -> float:
        """Mean log-density of the rows, in nats per example."""
        n_samples, total = self._log_likelihood(X)
        return total / n_samples

    def sample(self, n_samples: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """Draw points (n_samples, n_features) and the components (n_samples,) that they come from.

        The rows are in random order; scikit-learn groups them by component.
        """
        check_is_fitted(self)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        drawn = sample_mixture(self.parameters_, n_samples, generator=torch.Generator().manual_seed(seed))
        return drawn.points.numpy(), drawn.labels.numpy()

    def bic(self, X: Any) -> float:
        """Bayesian information criterion: p·log n - 2·log-likelihood, lower is better."""
        n_samples, total = self._log_likelihood(X)
        return float(self._n_parameters() * np.log(n_samples) - 2 * total)

    def aic(self, X: Any) -> float:
        """Akaike information criterion: 2·p - 2·log-likelihood, lower is better."""
        return 2 * self._n_parameters() - 2 * self._log_likelihood(X)[1]

    @property
    def parameters_(self) -> MixtureParameters:
        """The fitted parameters as tensors, in the shapes of `MixtureParameters`."""
        check_is_fitted(self)
        shape = covariance_shape(len(self.means_), self.n_features_in_, self.covariance_type)
        if self.covariances_.size != np.prod(shape):
            raise ValueError(
                f"covariance_type is now {self.covariance_type!r}, but the fitted covariances have shape "
                f"{self.covariances_.shape}; fit again without warm_start, or set covariance_type back"
            )
        arrays = (self.weights_, self.means_, self.covariances_.reshape(shape))
        return MixtureParameters(*(torch.from_numpy(array) for array in arrays))

    def _n_parameters(self) -> int:
        return n_free_parameters(len(self.means_), self.n_features_in_, self.covariance_type)

    def _validated(self, X: Any, *, reset: bool) -> Any:
        """X as scikit-learn wants it checked, or data in chunks as it is."""
        if not is_array(X):
            if reset and hasattr(self, "feature_names_in_"):
                del self.feature_names_in_  # of an earlier fit; blocks have no names
            return X
        if isinstance(X, Tensor):
            X = X.detach().cpu().numpy()
        return validate_data(
            self, X, reset=reset, dtype=[np.float64, np.float32], ensure_min_samples=2 if reset else 1
        )

    def _log_likelihood(self, X: Any) -> tuple[int, float]:
        """Number of rows, and the sum of their log-densities."""
        parts = [(len(step.log_prob), float(step.log_prob.double().sum())) for step in self._e_steps(X)]
        return sum(n for n, _ in parts), sum(total for _, total in parts)

    def _e_steps(self, X: Any) -> Iterator[EStep]:
        """E-steps for X, block by block."""
        check_is_fitted(self)
        parameters, empty = self.parameters_, True
        for x in Chunks(self._validated(X, reset=False), rows=ROWS_AT_ONCE):
            empty = False
            yield e_step(x, parameters)
        if empty:
            raise ValueError(EMPTY)

    def _given_start(self, data: Any, generator: torch.Generator) -> Any:
        """What the `*_init` say: parameters, or a function that fills what is missing for each start."""
        kind, k = self.covariance_type, self.n_components
        weights, means, precisions = (
            None if getattr(self, name) is None else as_float_tensor(getattr(self, name), name)
            for name in ("weights_init", "means_init", "precisions_init")
        )
        if means is not None and (means.ndim != 2 or len(means) != k):
            raise ValueError(f"means_init must have shape ({k}, n_features), got {tuple(means.shape)}")
        n_features = data.shape[1] if is_array(data) else next(iter(Chunks(data))).shape[1]
        covariances = None if precisions is None else self._inverse(precisions, n_features)

        def fill() -> MixtureParameters:
            parameters = MixtureParameters(weights, means, covariances)  # type: ignore[arg-type]
            if any(part is None for part in parameters):
                rows = rows_to_start_from(data, generator=generator)
                made = initial_parameters(rows, k, self.init_params, kind, self.reg_covar, generator)
                parameters = MixtureParameters(
                    *(new if old is None else old.to(new) for old, new in zip(parameters, made, strict=True))
                )
            return check_parameters(parameters, n_features=n_features, suffix="_init")

        return fill() if None not in (weights, means, covariances) else fill

    def _inverse(self, precisions: Tensor, n_features: int) -> Tensor:
        """Covariances in the shapes of `MixtureParameters` from precisions in scikit-learn's, checked."""
        name, kind, k, d = "precisions_init", self.covariance_type, self.n_components, n_features
        wanted = {"full": (k, d, d), "tied": (d, d), "diag": (k, d), "spherical": (k,)}[kind]
        if precisions.shape != wanted:
            raise ValueError(
                f"{name} must have shape {wanted} for {k} {kind} component(s), got {tuple(precisions.shape)}"
            )
        if not precisions.isfinite().all():
            raise ValueError(f"{name} must be finite, got NaN or infinity")
        if kind in ("diag", "spherical"):
            if not (precisions > 0).all():
                raise ValueError(f"{name} must be positive, got {precisions.tolist()}")
            return precisions.reciprocal().reshape(k, -1)
        factors, info = torch.linalg.cholesky_ex(precisions)
        if info.any() or not torch.allclose(precisions, precisions.mT, rtol=1e-4):
            raise ValueError(f"{name} must be symmetric and positive definite; invert covariances that are")
        return torch.cholesky_inverse(factors).reshape(-1, d, d)

    def _store(self, parameters: MixtureParameters) -> None:
        """Set the fitted arrays, in scikit-learn's shapes."""
        self.weights_, self.means_ = parameters.weights.numpy(), parameters.means.numpy()
        covariances = parameters.covariances
        if covariances.ndim == 3:
            factors = torch.linalg.cholesky(covariances)
            identity = torch.eye(covariances.shape[-1], dtype=covariances.dtype)
            roots = torch.linalg.solve_triangular(factors, identity, upper=False).mT
            precisions = roots @ roots.mT
        else:
            precisions = covariances.reciprocal()
            roots = precisions.sqrt()
        axis = {"tied": 0, "spherical": 1}.get(self.covariance_type)
        for name, value in {
            "covariances_": covariances,
            "precisions_": precisions,
            "precisions_cholesky_": roots,
        }.items():
            setattr(self, name, (value if axis is None else value.squeeze(axis)).numpy())
