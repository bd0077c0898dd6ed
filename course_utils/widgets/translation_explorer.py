"""An outline to draw or to pick: what translators make of it follows every stroke."""

import warnings
from collections.abc import Mapping
from typing import Any, Literal

import anywidget
import numpy as np
import torch
import traitlets
from torch import Tensor

from course_utils.data import outlined_creatures
from course_utils.translation import UNet, translate
from course_utils.validation import as_float_tensor, check_choice, check_count, check_number
from course_utils.widgets.readable import (
    KNOWN_LAYERS,
    ReadNetwork,
    as_bytes,
    frozen,
    read_network,
    unknown_layer,
    unrolled,
)
from course_utils.widgets.scripts import joined

__all__ = ["TranslationExplorer"]

MAX_MODELS = 3
MAX_EXAMPLES = 48
MANY_WEIGHTS = 500_000  # from here on a picture takes longer than a frame
SMALLEST = 16  # pixels a side of a drawn creature


class TranslationExplorer(anywidget.AnyWidget):
    """Draw an outline, or pick one: what translators make of it follows every stroke.

    All is computed in the browser, also on exported pages; Python is not asked. Beside the translations is the true
    picture, as long as an example is unchanged, else the first translation as it was before the last change. The widget
    has the weights as they are now: make another one after further training.

    Args:
        models: a `translation.UNet` from grey pictures (height, width), or a mapping of names to several of them of
            the same shapes; at most 3. One with more than half a million weights follows the hand with a delay.
        outlines: examples to pick, (n, height, width) from 0, ink, to 1, paper; at most 48. The widget begins with the
            first. Drawn creatures with their true pictures if None.
        images: true pictures of the first of the outlines, (m, height, width) or (m, 3, height, width) in [0, 1].
        n_examples: how many creatures are drawn, where `outlines` is None.
        seed: of those creatures.
        pen: width of a drawn line in pixels; the default is that of the creatures' outlines in 24 pixels.
        precision: of the weights that are sent to the browser: "float16" or "float32".

    Attributes:
        outline: what is drawn, rows of numbers from 0, ink, to 1, paper; set it to a tensor, and the pictures follow.
            A stroke changes it when it ends.
        example: number of the unchanged example that is shown, from 0; -1 for a drawing. Set it to pick one.

    Raises:
        TypeError, ValueError: if an argument is of the wrong type, does not fit the others, or is a model with a layer
            that the browser does not know.
        TraitError: if `outline` or `example` is set to anything else than described.
    """

    _esm = joined("shared.js", "network.js", "drawing.js", "translation_explorer.js")

    outline = traitlets.List(traitlets.List(traitlets.Float())).tag(sync=True)
    example = traitlets.Int(-1).tag(sync=True)
    names = traitlets.List(traitlets.Unicode()).tag(sync=True)  # of the models
    pen = traitlets.Float(0.75).tag(sync=True)
    precision = traitlets.Unicode("float16").tag(sync=True)
    _networks: Any = traitlets.List().tag(sync=True)  # for each model its layers
    _networks_numbers = traitlets.List(traitlets.Bytes()).tag(sync=True)
    _examples = traitlets.Bytes().tag(sync=True)  # uint8 (n, height, width)
    _truths = traitlets.Bytes().tag(sync=True)  # uint8 (m, channels, height, width)
    _shapes = traitlets.Dict().tag(sync=True)  # source: height, width; target: channels, height, width

    def __init__(
        self,
        models: UNet | Mapping[str, UNet],
        outlines: Any = None,
        images: Any = None,
        *,
        n_examples: int = 12,
        seed: int = 0,
        pen: float = 0.75,
        precision: Literal["float16", "float32"] = "float16",
    ) -> None:
        self._models = check_models(models)
        first = next(iter(self._models.values()))
        self._shape = first.source_shape
        n_examples, seed = check_count(n_examples, "n_examples"), check_count(seed, "seed", minimum=0)
        check_choice(precision, "precision", ("float16", "float32"))
        if outlines is None and images is not None:
            raise ValueError(
                "images need the outlines that they belong to; pass outlines, or leave images out"
            )
        if outlines is None:
            outlines, images = draw_examples(self._shape, n_examples, seed)
        examples = as_levels(outlines, "outlines", self._shape)
        if not 1 <= len(examples) <= MAX_EXAMPLES:
            raise ValueError(f"outlines must be 1 to {MAX_EXAMPLES} pictures, got {len(examples)}")
        truths = np.zeros(0, np.uint8) if images is None else as_levels(images, "images", first.target_shape)
        if len(truths) > len(examples):
            raise ValueError(
                f"images must be those of the first outlines, got {len(truths)} for {len(examples)} outlines"
            )
        read = {name: read_translator(name, model) for name, model in self._models.items()}
        self._known = [(levels / 255).tolist() for levels in examples]
        super().__init__(
            outline=self._known[0],
            example=0,
            names=list(self._models),
            pen=check_number(pen, "pen", above=0),
            precision=precision,
            _networks=[network.layers for network in read.values()],
            _networks_numbers=[as_finite_bytes(name, network, precision) for name, network in read.items()],
            _examples=examples.tobytes(),
            _truths=truths.tobytes(),
            _shapes={"source": list(self._shape), "target": [1, *first.target_shape][-3:]},
        )

    def __repr__(self) -> str:
        return f"TranslationExplorer of {', '.join(self.names)}: run this cell in Jupyter to draw"

    @traitlets.validate("outline")
    def _valid_outline(self, proposal: Any) -> list[list[float]]:
        height, width = self._shape
        rows = proposal.value
        if len(rows) != height or any(len(row) != width for row in rows):
            raise traitlets.TraitError(f"outline must be {height} rows of {width} numbers")
        values = np.array(rows, dtype=float)
        if not ((values >= 0) & (values <= 1)).all():
            raise traitlets.TraitError("outline must hold numbers from 0, ink, to 1, paper")
        return values.tolist()

    @traitlets.validate("example")
    def _valid_example(self, proposal: Any) -> int:
        if not -1 <= proposal.value < len(self._known):
            raise traitlets.TraitError(
                f"example must be from 0 to {len(self._known) - 1}, or -1 for a drawing, got {proposal.value}"
            )
        return proposal.value

    @traitlets.observe("example")
    def _show_example(self, _change: Any) -> None:
        if self.example >= 0:
            self.outline = self._known[self.example]

    @traitlets.observe("outline")
    def _forget_example(self, _change: Any) -> None:
        if self.example >= 0 and self.outline != self._known[self.example]:
            self.example = -1

    def __setattr__(self, name: str, value: Any) -> None:
        # A tensor or an array is as good as lists.
        if name == "outline" and hasattr(value, "tolist"):
            value = value.tolist()
        super().__setattr__(name, value)

    def pictures(self) -> dict[str, Tensor]:
        """For each model, by its name, what it makes of the present outline, cut to [0, 1], as the widget shows it."""
        return {
            name: translate(model, torch.tensor([self.outline]))[0] for name, model in self._models.items()
        }


def check_models(models: Any) -> dict[str, UNet]:
    """Copies of the models by name, all of them U-Nets from grey pictures and of the same shapes."""
    named = models if isinstance(models, Mapping) else {"translation": models}
    if not 1 <= len(named) <= MAX_MODELS:
        raise ValueError(f"models must be 1 to {MAX_MODELS}, to be seen side by side, got {len(named)}")
    for name, model in named.items():
        if not isinstance(name, str) or not name:
            raise TypeError(f"models must have names that are strings, got {name!r}")
        if type(model) is not UNet:
            raise TypeError(
                f"models must be a translation.UNet, or a mapping of names to some, got {type(model).__name__}"
            )
        if len(model.source_shape) != 2:
            raise ValueError(
                f"models must take grey pictures (height, width), to be drawn by a pen; {name!r} takes "
                f"{model.source_shape}"
            )
    shapes = {(model.source_shape, model.target_shape) for model in named.values()}
    if len(shapes) > 1:
        listed = ", ".join(
            f"{name!r} from {model.source_shape} to {model.target_shape}" for name, model in named.items()
        )
        raise ValueError(f"models must have the same shapes, got {listed}")
    (_, target_shape), *_ = shapes
    if len(target_shape) == 3 and target_shape[0] not in (1, 3):
        raise ValueError(f"models must make grey pictures or ones of three colours, got {target_shape}")
    return {name: frozen(model).cpu() for name, model in named.items()}


def read_translator(name: str, model: UNet) -> ReadNetwork:
    """The layers of a model for the browser; a warning if there are many weights.

    Raises:
        ValueError: if the browser does not know a layer.
    """
    try:
        layers = unrolled(model)
    except ValueError as problem:
        raise ValueError(f"the browser cannot run the model {name!r}: {problem}") from None
    network = read_network(layers)
    if network is None:
        raise ValueError(
            f"the browser cannot run the model {name!r}: it does not know the layer {unknown_layer(layers)}; known are "
            f"{KNOWN_LAYERS}"
        )
    if len(network.numbers) > MANY_WEIGHTS:
        warnings.warn(
            f"the model {name!r} has {len(network.numbers):,} weights, more than {MANY_WEIGHTS:,}: its pictures will "
            "follow the pen with a delay. A smaller `width` or `depth` of the UNet helps",
            stacklevel=3,
        )
    return network


def as_finite_bytes(name: str, network: ReadNetwork, precision: str) -> bytes:
    """The numbers of a model as they are sent, if that precision can hold them."""
    with np.errstate(over="ignore"):
        if not np.isfinite(network.numbers.astype(precision)).all():
            raise ValueError(
                f"the model {name!r} has weights that are not finite in {precision}: "
                "send them as precision='float32', or train it anew if there is a NaN among them"
            )
    return as_bytes(network, precision)


def draw_examples(shape: tuple[int, ...], n_examples: int, seed: int) -> tuple[Tensor, Tensor]:
    """Outlines and images of creatures."""
    if shape[0] != shape[1] or shape[0] < SMALLEST:
        raise ValueError(
            f"outlines must be given for a model of pictures {shape}: creatures can only be drawn in squares of at "
            f"least {SMALLEST} pixels"
        )
    generator = torch.Generator().manual_seed(seed)
    outlines, images, _ = outlined_creatures(n_examples, size=shape[0], generator=generator)
    return outlines, images


def as_levels(pictures: Any, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Pictures in [0, 1] as uint8, if each has the shape that is expected."""
    x = as_float_tensor(pictures, name).detach().cpu()
    if tuple(x.shape[1:]) != shape:
        expected = ", ".join(map(str, shape))
        raise ValueError(
            f"{name} must have the shape of the models' pictures, (n, {expected}), got {tuple(x.shape)}"
        )
    if not ((x >= 0) & (x <= 1)).all():
        raise ValueError(f"{name} must be in [0, 1], got values from {x.min():.3g} to {x.max():.3g}")
    return (255 * x).round().to(torch.uint8).numpy()
