"""Gaussian mixtures and EM: the algorithm as pure functions, and as a scikit-learn estimator."""

from typing import TYPE_CHECKING, Any

from course_utils.mixtures.em import Collapse, e_step, fit_em, has_converged, lower_bound, m_step
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

if TYPE_CHECKING:
    from course_utils.mixtures.gaussian_mixture import GaussianMixture

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


def __getattr__(name: str) -> Any:
    """The estimator is imported at its first use: scikit-learn takes longer to import than torch."""
    if name != "GaussianMixture":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from course_utils.mixtures.gaussian_mixture import GaussianMixture

    return GaussianMixture
