"""Gaussian mixtures and EM: the algorithm as pure functions, and as a scikit-learn estimator."""

from course_utils.mixtures.em import Collapse, e_step, fit_em, has_converged, lower_bound, m_step
from course_utils.mixtures.gaussian_mixture import GaussianMixture
from course_utils.mixtures.parameters import (
    EStep,
    MixtureParameters,
    MixtureSample,
    check_parameters,
    full_covariances,
    n_free_parameters,
    sample_mixture,
)
from course_utils.mixtures.sufficient_statistics import features, natural_parameters

__all__ = [
    "Collapse",
    "EStep",
    "GaussianMixture",
    "MixtureParameters",
    "MixtureSample",
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
    "sample_mixture",
]
