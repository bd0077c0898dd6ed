"""What all autoregressive models of images share: the chain rule, log p(x) = Σᵢ log p(xᵢ | x₁, ..., xᵢ₋₁)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.autoregressive.levels import as_channels, check_levels, sum_log_prob
from course_utils.autoregressive.steps import Steps
from course_utils.conditions import Condition
from course_utils.validation import check_count

__all__ = ["PixelModel"]


class PixelModel(nn.Module):
    """The base of all models here. A subclass gives `network`, and `steps` for cached sampling.

    Pixels are taken in raster order, row by row, and within a pixel the channels in turn.

    Args:
        image_shape: (height, width), or (channels, height, width).
        n_levels: of a pixel: 2 for black and white, or as many as there are codes or shades.
        as_one_hot: whether the network reads each level as `n_levels` numbers, as codes without an order need it,
            instead of one brightness.
        condition: turns conditions into numbers, such as `conditions.OneHot((10,))`; none if None.

    Raises:
        ValueError: for a shape of another length, or fewer than two levels.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        *,
        n_levels: int = 2,
        as_one_hot: bool = False,
        condition: Condition | None = None,
    ) -> None:
        super().__init__()
        self.image_shape = tuple(check_count(size, "image_shape") for size in image_shape)
        if len(self.image_shape) not in (2, 3):
            raise ValueError(
                f"image_shape must be (height, width) or (channels, height, width), got {self.image_shape}"
            )
        self.n_levels = check_count(n_levels, "n_levels", minimum=2)
        self.as_one_hot = as_one_hot
        self.condition = condition

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels, height, width), 1 channel for grey images."""
        channels, height, width = (1, *self.image_shape)[-3:]
        return channels, height, width

    @property
    def n_read(self) -> int:
        """Channels that the network reads."""
        return self.shape[0] * (self.n_levels if self.as_one_hot else 1)

    @property
    def n_given(self) -> int:
        """Channels that the network gives."""
        return self.shape[0] * (1 if self.n_levels == 2 else self.n_levels)

    last: Any  # the last layer, and the numbers that it adds at each place
    last_place: Any

    def network(self, x: Tensor, c: Tensor | None) -> Tensor:
        """Logits (batch, n_given, height, width) from x (batch, n_read, height, width) and c (batch, dim).

        The output channels of one channel of the image stand together.
        """
        raise NotImplementedError

    def steps(self, n: int, c: Tensor | None) -> Steps:
        """Goes over n images place by place, with the conditions c (n, dim): see `Steps`."""
        raise NotImplementedError

    def forward(self, x: Tensor, *conditions: Tensor) -> Tensor:
        """Logits of each pixel given those before it.

        Args:
            x: (batch, *image_shape), levels from 0 to n_levels - 1.
            conditions: what the model is told, if it has a condition, as that takes it.

        Returns:
            (batch, *image_shape), the logit of level 1; with more than two levels (batch, *image_shape, n_levels).

        Raises:
            ValueError: for another shape, or a condition that is missing or not expected.
        """
        if not isinstance(x, Tensor) or x.shape[1:] != self.image_shape:
            came = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
            raise ValueError(f"x must have shape {('batch', *self.image_shape)}, got {came}")
        read = self.as_read(x.reshape(len(x), *self.shape))
        return self.arranged(self.network(read, self.condition_numbers(len(x), conditions)))

    def log_prob(self, x: Tensor, *conditions: Tensor) -> Tensor:
        """Log p(x) = Σᵢ log p(xᵢ | x₁, ..., xᵢ₋₁), exact: no bound and no estimate.

        Args:
            x: (batch, *image_shape), levels from 0 to n_levels - 1.
            conditions: what the model is told, if it has a condition.

        Returns:
            (batch,) nats per image.

        Raises:
            ValueError: for another shape, or pixels between the levels.
        """
        logits = self(x, *conditions)
        return sum_log_prob(check_levels(x, self.n_levels), logits)

    def as_read(self, x: Tensor) -> Tensor:
        """What the network reads, (batch, n_read, height, width), for x (batch, channels, height, width)."""
        if x.is_floating_point() and not self.as_one_hot:
            return x / (self.n_levels - 1)
        return as_channels(x, self.n_levels, as_one_hot=self.as_one_hot, dtype=self.dtype)

    def arranged(self, given: Tensor) -> Tensor:
        """Logits (batch, *image_shape[, n_levels]) from what the network gives."""
        if self.n_levels == 2:
            return given.reshape(len(given), *self.image_shape)
        channels, height, width = self.shape
        levels_last = given.view(len(given), channels, self.n_levels, height, width).movedim(2, -1)
        return levels_last.reshape(len(given), *self.image_shape, self.n_levels)

    @torch.no_grad()
    def start_at_frequencies(self, x: Tensor) -> None:
        """Let an untrained model give each place the frequencies of its levels in x, with a share of 1/1,000 to all.

        Args:
            x: (n, *image_shape), levels, or for two levels also probabilities of 1, such as grey pixels.

        Raises:
            ValueError: for another shape.
        """
        if x.shape[1:] != self.image_shape:
            raise ValueError(f"x must have shape {('n', *self.image_shape)}, got {tuple(x.shape)}")
        x = x.reshape(len(x), *self.shape)
        if self.n_levels == 2:
            logits = torch.logit(0.001 + 0.998 * x.to(self.dtype).mean(0))  # (channels, height, width)
        else:
            each = [(x == level).to(self.dtype).mean(0) for level in range(self.n_levels)]
            logits = torch.log(0.001 / self.n_levels + 0.999 * torch.stack(each, 1)).flatten(0, 1)
        self.last.weight.zero_()
        self.last.bias.zero_()
        self.last_place.map.copy_(logits)

    def read_at(self, x: Tensor, row: int, column: int) -> Tensor:
        """What the network reads at one place, (n, n_read), for x (n, channels, height, width)."""
        here = x[:, :, row : row + 1, column : column + 1]
        return self.as_read(here)[:, :, 0, 0]

    def arranged_at(self, given: Tensor) -> Tensor:
        """Logits of one place, (n, channels[, n_levels]), from what the network gives there, (n, n_given)."""
        return given if self.n_levels == 2 else given.view(len(given), self.shape[0], self.n_levels)

    def condition_numbers(self, n: int, conditions: Sequence[Tensor]) -> Tensor | None:
        """The conditions as numbers, (n, dim); None if the model has no condition."""
        if self.condition is None:
            if conditions:
                raise ValueError(
                    "conditions were given to a model without a condition; pass condition= to it"
                )
            return None
        if len(conditions) != 1:
            raise ValueError(f"conditions must be one tensor, such as labels, got {len(conditions)} of them")
        numbers: Any = self.condition(conditions[0])
        if len(numbers) != n:
            raise ValueError(f"conditions must be one per image, got {len(numbers)} for {n} images")
        return numbers.to(self.dtype)

    @property
    def dtype(self) -> torch.dtype:
        """Of the weights."""
        return next(self.parameters()).dtype
