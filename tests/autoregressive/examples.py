"""Small models of every kind, with random weights in float64."""

import torch

from course_utils import autoregressive as ar
from course_utils.conditions import OneHot

MODELS = {
    "pixelcnn": lambda: ar.PixelCNN((4, 5), width=8, n_blocks=2, first_kernel=3),
    "pixelcnn dilated": lambda: ar.PixelCNN((5, 6), width=8, n_blocks=2, dilations=(1, 2)),
    "pixelcnn of a row": lambda: ar.PixelCNN(
        (1, 14), width=8, n_blocks=3, first_kernel=(1, 3), kernel_size=(1, 3), dilations=(1, 2, 4), n_levels=3
    ),
    "pixelcnn rgb": lambda: ar.PixelCNN((3, 3, 4), width=24, n_blocks=1, first_kernel=3, n_levels=3),
    "gated": lambda: ar.GatedPixelCNN((4, 5), width=6, n_blocks=2, first_kernel=5),
    "gated dilated tanh": lambda: ar.GatedPixelCNN(
        (5, 6), width=4, n_blocks=2, dilations=(1, 2), gate="tanh"
    ),
    "gated rgb": lambda: ar.GatedPixelCNN((3, 3, 4), width=24, n_blocks=2, first_kernel=3, n_levels=3),
    "gated told": lambda: ar.GatedPixelCNN(
        (3, 4), width=6, n_blocks=2, first_kernel=3, n_levels=4, as_one_hot=True, condition=OneHot((3,))
    ),
    "made": lambda: ar.MADE((4, 4), hidden=(150, 150)),
    "made rgb": lambda: ar.MADE((3, 2, 3), hidden=(170,), n_levels=3),
    "made one hot": lambda: ar.MADE((1, 4), hidden=(30,), n_levels=5, as_one_hot=True),
    "row lstm": lambda: ar.RowLSTM((4, 5), width=6, n_layers=2, first_kernel=3),
    "row lstm rgb": lambda: ar.RowLSTM((3, 3, 4), width=24, n_layers=2, first_kernel=3, n_levels=3),
    "diagonal": lambda: ar.DiagonalBiLSTM((4, 5), width=6, n_layers=2, first_kernel=3),
    "diagonal rgb": lambda: ar.DiagonalBiLSTM((3, 3, 4), width=24, n_layers=1, first_kernel=3, n_levels=3),
}
TINY = {  # 2×3 pixels, or 2×1 with three channels: 64 images each
    "pixelcnn": lambda: ar.PixelCNN((2, 3), width=4, n_blocks=1, first_kernel=3),
    "pixelcnn rgb": lambda: ar.PixelCNN((3, 2, 1), width=6, n_blocks=1, first_kernel=3),
    "pixelcnn levels": lambda: ar.PixelCNN((1, 3), width=4, n_blocks=1, first_kernel=3, n_levels=4),
    "gated": lambda: ar.GatedPixelCNN((2, 3), width=4, n_blocks=1, first_kernel=3),
    "gated rgb": lambda: ar.GatedPixelCNN((3, 2, 1), width=6, n_blocks=1, first_kernel=3),
    "gated told": lambda: ar.GatedPixelCNN(
        (1, 3), width=4, n_blocks=1, n_levels=4, as_one_hot=True, condition=OneHot((3,))
    ),
    "made": lambda: ar.MADE((2, 3), hidden=(20,)),
    "row lstm": lambda: ar.RowLSTM((2, 3), width=4, first_kernel=3),
    "row lstm rgb": lambda: ar.RowLSTM((3, 2, 1), width=6, first_kernel=3),
    "diagonal": lambda: ar.DiagonalBiLSTM((2, 3), width=4, first_kernel=3),
}


def made(build, *, seed=0):
    """The model with random weights, in float64."""
    return ar.with_random_weights(build(), generator=torch.Generator().manual_seed(seed)).double().eval()


def told(model, n):
    """Conditions for n images, as further arguments."""
    return () if model.condition is None else (torch.arange(n) % 3,)


def images(model, n, *, seed=0):
    """Random images (n, *image_shape)."""
    x = torch.randint(model.n_levels, (n, *model.image_shape), generator=torch.Generator().manual_seed(seed))
    return x.double() if model.n_levels == 2 else x


def all_images(model):
    """Every image that there is, (n_levels^pixels, *image_shape)."""
    n_pixels = int(torch.tensor(model.image_shape).prod())
    x = torch.cartesian_prod(*[torch.arange(model.n_levels)] * n_pixels).view(-1, *model.image_shape)
    return x.double() if model.n_levels == 2 else x
