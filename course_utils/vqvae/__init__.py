"""Vector-quantised autoencoders: images as maps of discrete codes."""

from course_utils.vqvae.fit import fit_vqvae
from course_utils.vqvae.model import VQVAE, VQVAEOutput
from course_utils.vqvae.quantizer import (
    Quantized,
    VectorQuantizer,
    codebook_loss,
    commitment_loss,
    nearest_codes,
    perplexity,
    straight_through,
)
from course_utils.vqvae.two_levels import TwoLevelOutput, TwoLevelVQVAE, TwoMaps

__all__ = [
    "VQVAE",
    "Quantized",
    "TwoLevelOutput",
    "TwoLevelVQVAE",
    "TwoMaps",
    "VQVAEOutput",
    "VectorQuantizer",
    "codebook_loss",
    "commitment_loss",
    "fit_vqvae",
    "nearest_codes",
    "perplexity",
    "straight_through",
]
