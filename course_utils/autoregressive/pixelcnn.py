"""PixelCNN: a stack of masked convolutions, the first of type A and all others of type B.

Source: van den Oord, Kalchbrenner and Kavukcuoglu (2016), Pixel recurrent neural networks, section 3 and table 1.
"""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn.functional import relu

from course_utils.autoregressive.masks import MaskedConv2d, PlaceMap
from course_utils.autoregressive.model import PixelModel
from course_utils.autoregressive.steps import Apply, NetworkSteps, call
from course_utils.validation import check_count

__all__ = ["PixelCNN"]


class ResidualBlock(nn.Module):
    """x + what a narrow masked convolution finds in it: 1×1 to half the width, kernel, 1×1 back."""

    def __init__(self, width: int, kernel_size: Any, settings: dict[str, Any], dilation: Any) -> None:
        super().__init__()
        self.narrow = MaskedConv2d(width, width // 2, 1, **settings)
        self.look = MaskedConv2d(width // 2, width // 2, kernel_size, dilation=dilation, **settings)
        self.widen = MaskedConv2d(width // 2, width, 1, **settings)
        nn.init.zeros_(self.widen.weight)  # at first each block lets through what it gets

    def forward(self, x: Tensor, apply: Apply = call) -> Tensor:
        """(batch, width, ...) of the shape of x."""
        narrow = apply(self.narrow, relu(x))
        return x + apply(self.widen, relu(apply(self.look, relu(narrow))))


class PixelCNN(PixelModel):
    """Each pixel from those before it, as far as stacked masked convolutions see: not all of them (a blind spot).

    NOTE: unlike the paper's, the first layer adds a learned number for each place, and so does the last. The width
    of the residual blocks is a matter of choice.

    Args:
        image_shape: (height, width), or (channels, height, width) for an order among the channels.
        width: channels between the blocks, a multiple of twice the channels of the image.
        n_blocks: residual blocks.
        first_kernel: side of the first convolution's kernel, or (rows, columns); odd.
        kernel_size: of those in the blocks, likewise.
        dilations: of these, one block after the other, and from the start again.
        mask_types: of the first layer and of all others. Anything but ("A", "B") breaks the model, to show how.
        n_levels, as_one_hot: see `PixelModel`.

    Raises:
        ValueError: for numbers that do not fit.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        *,
        width: int = 48,
        n_blocks: int = 6,
        first_kernel: int | Sequence[int] = 7,
        kernel_size: int | Sequence[int] = 3,
        dilations: Sequence[int] = (1,),
        mask_types: Sequence[str] = ("A", "B"),
        n_levels: int = 2,
        as_one_hot: bool = False,
    ) -> None:
        super().__init__(image_shape, n_levels=n_levels, as_one_hot=as_one_hot)
        channels = self.shape[0]
        if check_count(width, "width") % (2 * channels):
            raise ValueError(
                f"width must be a multiple of {2 * channels} for {channels} channel(s), got {width}"
            )
        settings: Any = {"mask_type": mask_types[1], "n_groups": channels}
        self.first = MaskedConv2d(
            self.n_read, width, first_kernel, mask_type=mask_types[0], n_groups=channels
        )
        self.place = PlaceMap(width, *self.shape[1:])
        self.blocks = nn.ModuleList(
            ResidualBlock(width, kernel_size, settings, dilations[i % len(dilations)])
            for i in range(check_count(n_blocks, "n_blocks", minimum=0))
        )
        self.hidden = MaskedConv2d(width, width, 1, **settings)
        self.last = MaskedConv2d(width, self.n_given, 1, **settings)
        self.last_place = PlaceMap(self.n_given, *self.shape[1:])

    def layers(self, x: Tensor, apply: Apply) -> Tensor:
        """The network, its layers applied by `apply`: to whole images, or at one place."""
        x = apply(self.place, apply(self.first, x))
        for block in self.blocks:
            x = block(x, apply)
        x = apply(self.hidden, relu(x))
        return apply(self.last_place, apply(self.last, relu(x)))

    def network(self, x: Tensor, c: Tensor | None) -> Tensor:
        """Logits (batch, n_given, height, width)."""
        return self.layers(x, call)

    def steps(self, n: int, c: Tensor | None) -> NetworkSteps:
        """Place by place."""
        return NetworkSteps(self, n)
