"""Autoregressive models of images: p(x) as a product of p(pixel | the pixels before it)."""

from course_utils.autoregressive.causality import dependence, receptive_field, with_random_weights
from course_utils.autoregressive.diagonal import DiagonalBiLSTM, skew, unskew
from course_utils.autoregressive.fit import fit_autoregressive
from course_utils.autoregressive.gated import GatedPixelCNN
from course_utils.autoregressive.levels import draw, probabilities
from course_utils.autoregressive.lstm import RowLSTM, lstm_cell
from course_utils.autoregressive.made import MADE, MaskedLinear
from course_utils.autoregressive.masks import MaskedConv2d, PlaceMap, VerticalConv2d, causal_mask
from course_utils.autoregressive.model import PixelModel
from course_utils.autoregressive.pixelcnn import PixelCNN
from course_utils.autoregressive.sampling import complete, sample

__all__ = [
    "MADE",
    "DiagonalBiLSTM",
    "GatedPixelCNN",
    "MaskedConv2d",
    "MaskedLinear",
    "PixelCNN",
    "PixelModel",
    "PlaceMap",
    "RowLSTM",
    "VerticalConv2d",
    "causal_mask",
    "complete",
    "dependence",
    "draw",
    "fit_autoregressive",
    "lstm_cell",
    "probabilities",
    "receptive_field",
    "sample",
    "skew",
    "unskew",
    "with_random_weights",
]
