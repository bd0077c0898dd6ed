"""Gaussian mixtures and EM: the algorithm as pure functions, and as a scikit-learn estimator."""

from course_utils.mixtures.em import EStep, e_step, fit_em, has_converged, lower_bound, m_step
from course_utils.mixtures.gaussian_mixture import GaussianMixture
from course_utils.mixtures.parameters import (
    MixtureParameters,
    MixtureSample,
    check_parameters,
    full_covariances,
    n_free_parameters,
    sample_mixture,
)
from course_utils.mixtures.sufficient_statistics import (
    Statistics,
    features,
    natural_parameters,
    rounding_error,
)

__all__ = [
    "EStep",
    "GaussianMixture",
    "MixtureParameters",
    "MixtureSample",
    "Statistics",
    "check_parameters",
    "e_step",
    "features",
    "fit_em",
    "full_covariances",
    "has_converged",
    "lower_bound",
    "m_step",
    "n_free_parameters",
    "natural_parameters",
    "rounding_error",
    "sample_mixture",
]
