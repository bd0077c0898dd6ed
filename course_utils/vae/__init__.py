"""Variational autoencoders: the model, its bounds, its training, and what goes on inside."""

from course_utils.vae.bounds import (
    ElboTerms,
    LogMarginal,
    elbo,
    elbo_terms,
    importance_log_weights,
    iwae_bound,
    log_marginal_likelihood,
)
from course_utils.vae.convolutional import conv_conditional_vae
from course_utils.vae.diagnostics import (
    AggregatePosterior,
    GridTruth,
    active_units,
    aggregate_posterior,
    truth_on_grid,
)
from course_utils.vae.fit import fit_vae, free_bits_kl
from course_utils.vae.gradients import reparameterized_gradient, score_function_gradient
from course_utils.vae.likelihoods import Bernoulli, Gaussian, Likelihood
from course_utils.vae.model import (
    VAE,
    ConditionalVAE,
    Posterior,
    mean_encoder,
    mlp_conditional_vae,
    mlp_vae,
)

__all__ = [
    "VAE",
    "AggregatePosterior",
    "Bernoulli",
    "ConditionalVAE",
    "ElboTerms",
    "Gaussian",
    "GridTruth",
    "Likelihood",
    "LogMarginal",
    "Posterior",
    "active_units",
    "aggregate_posterior",
    "conv_conditional_vae",
    "elbo",
    "elbo_terms",
    "fit_vae",
    "free_bits_kl",
    "importance_log_weights",
    "iwae_bound",
    "log_marginal_likelihood",
    "mean_encoder",
    "mlp_conditional_vae",
    "mlp_vae",
    "reparameterized_gradient",
    "score_function_gradient",
    "truth_on_grid",
]
