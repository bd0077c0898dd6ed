"""Image translation: pix2pix, which learns from pairs, and CycleGAN, which learns from two sets without pairs."""

from course_utils.translation.cyclegan import fit_cyclegan
from course_utils.translation.losses import absolute_error, cycle_loss, identity_loss
from course_utils.translation.networks import (
    ResidualTranslator,
    UNet,
    joined,
    patch_discriminator,
    receptive_field,
    translate,
)
from course_utils.translation.pix2pix import fit_pix2pix
from course_utils.translation.pool import ImagePool
from course_utils.translation.steps import CycleFakes, cycle_step, patch_step, pix2pix_step

__all__ = [
    "CycleFakes",
    "ImagePool",
    "ResidualTranslator",
    "UNet",
    "absolute_error",
    "cycle_loss",
    "cycle_step",
    "fit_cyclegan",
    "fit_pix2pix",
    "identity_loss",
    "joined",
    "patch_discriminator",
    "patch_step",
    "pix2pix_step",
    "receptive_field",
    "translate",
]
