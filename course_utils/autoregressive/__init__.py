"""Autoregressive models: p(x) as a product, pixel by pixel."""

from course_utils.autoregressive.fit import fit_autoregressive
from course_utils.autoregressive.gated import GatedPixelCNN
from course_utils.autoregressive.levels import draw, probabilities
from course_utils.autoregressive.masks import MaskedConv2d, PlaceMap, VerticalConv2d, causal_mask
from course_utils.autoregressive.model import PixelModel
from course_utils.autoregressive.pixelcnn import PixelCNN
from course_utils.autoregressive.sampling import complete, sample

__all__ = [
    "GatedPixelCNN",
    "MaskedConv2d",
    "PlaceMap",
    "PixelCNN",
    "PixelModel",
    "VerticalConv2d",
    "causal_mask",
    "complete",
    "draw",
    "fit_autoregressive",
    "probabilities",
    "sample",
]
