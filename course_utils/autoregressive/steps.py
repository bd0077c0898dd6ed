"""The layers of a network one place at a time, in raster order: what makes sampling fast.

Each layer remembers what it has read. A place costs then one small product of matrices, where the naive loop computes
the whole image anew. A network that calls its layers as `apply(layer, x)` needs to be written only once: `call` applies
them to whole images, `Places` at one place.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from torch import Tensor, nn

__all__ = ["Apply", "NetworkSteps", "Places", "Rows", "Steps", "call"]

Apply = Callable[[nn.Module, Tensor], Tensor]


class Steps(Protocol):
    """A model that goes over images place by place, and keeps what it has computed."""

    def logits(self, x: Tensor, row: int, column: int) -> Tensor:
        """What the model says of the pixel at (row, column), (n, channels) or (n, channels, n_levels).

        Places come in raster order, all of them; x (n, channels, height, width) is final before this pixel. One place
        may come several times in a row, as the channels of its pixel become known.
        """


def call(layer: nn.Module, x: Tensor) -> Tensor:
    """The layer of whole images: layer(x)."""
    return layer(x)


class Places:
    """Applies layers at one place. Those that look around have `steps(n, height, width)`, which gives their memory.

    Args:
        n, height, width: how many images, and their size.
    """

    def __init__(self, n: int, height: int, width: int) -> None:
        self.size = (n, height, width)
        self.row = self.column = 0
        self.memory: dict[nn.Module, Any] = {}

    def move(self, row: int, column: int, first: nn.Module, read_at: Callable[[int, int], Tensor]) -> None:
        """Go to a place. The pixel at the last one is known by now: hand it to the layer that reads the image.

        Args:
            row: of the place.
            column: of the place.
            first: that layer.
            read_at: gives what it reads at a place, (n, n_in).
        """
        if (row, column) != (self.row, self.column) and first in self.memory:
            self.memory[first].put(read_at(self.row, self.column), self.row, self.column)
        self.row, self.column = row, column

    def __call__(self, layer: nn.Module, x: Tensor) -> Tensor:
        """(n, n_out) for x (n, n_in) at the place (self.row, self.column)."""
        make: Any = getattr(layer, "steps", None)
        if make is None:
            return layer(x)
        if layer not in self.memory:
            self.memory[layer] = make(*self.size)
        return self.memory[layer](x, self.row, self.column)


class Rows:
    """Applies layers to one row, (n, channels, 1, width); those that look up have `row_steps(n, height, width)`.

    Args:
        n, height, width: how many images, and their size.
    """

    def __init__(self, n: int, height: int, width: int) -> None:
        self.size = (n, height, width)
        self.row = -1
        self.memory: dict[nn.Module, Any] = {}

    def __call__(self, layer: nn.Module, x: Tensor) -> Tensor:
        """(n, n_out, 1, width) for x (n, n_in, 1, width) of the row self.row."""
        if layer not in self.memory:
            make: Any = getattr(layer, "row_steps", None)
            self.memory[layer] = (lambda x, row: layer(x)) if make is None else make(*self.size)
        return self.memory[layer](x, self.row)


class NetworkSteps:
    """A model with `layers(x, apply)`, of which `first` reads the image, place by place; see `Steps`.

    Args:
        model: such as a `PixelCNN`.
        n: images.
    """

    def __init__(self, model: Any, n: int) -> None:
        self.model = model
        self.places = Places(n, *model.shape[1:])

    def logits(self, x: Tensor, row: int, column: int) -> Tensor:
        """(n, channels[, n_levels]) at this place."""
        self.places.move(row, column, self.model.first, partial(self.model.read_at, x))
        return self.model.arranged_at(self.model.layers(self.model.read_at(x, row, column), self.places))
