"""Widgets to drag and step through; drawn in the browser, computed in Python."""

from course_utils.widgets.caption_explorer import CaptionExplorer
from course_utils.widgets.code_painter import CodePainter
from course_utils.widgets.divergence_explorer import DivergenceExplorer
from course_utils.widgets.elbo_explorer import ELBOExplorer
from course_utils.widgets.em_stepper import EMStepper
from course_utils.widgets.gan_playground import GANPlayground
from course_utils.widgets.latent_explorer import LatentExplorer
from course_utils.widgets.pixel_stepper import PixelStepper
from course_utils.widgets.translation_explorer import TranslationExplorer

__all__ = [
    "CaptionExplorer",
    "CodePainter",
    "DivergenceExplorer",
    "ELBOExplorer",
    "EMStepper",
    "GANPlayground",
    "LatentExplorer",
    "PixelStepper",
    "TranslationExplorer",
]
