"""An image that grows pixel by pixel: change a pixel, and see what follows from it."""

from collections.abc import Mapping, Sequence
from typing import Any

import anywidget
import numpy as np
import torch
import traitlets
from torch import Tensor

from course_utils.autoregressive import GatedPixelCNN, PixelCNN
from course_utils.conditions import Embedding, OneHot
from course_utils.validation import as_float_tensor, check_choice, check_count
from course_utils.widgets.masked_reading import coins, read_masked, told
from course_utils.widgets.readable import frozen
from course_utils.widgets.scripts import joined

__all__ = ["PixelStepper"]

Model = PixelCNN | GatedPixelCNN

MAX_MODELS = 3
MAX_IMAGES = 16
MAX_PIXELS = 4_096
MAX_SEED = 2**32 - 1
SPEEDS = (2, 10, 40, 150, 600, 3_000)  # pixels per second


class PixelStepper(anywidget.AnyWidget):
    """An image grows pixel by pixel: step, play, and change a pixel; what comes after it is drawn anew.

    All is computed in the browser, also on exported pages; Python is not asked. Each pixel has a coin, a number in
    [0, 1) from the seed and the place, and is white if its coin is below p(white | the pixels before). The coins stay
    when a pixel is changed, so what becomes different does so because of that pixel. The widget has the weights as they
    are now: make another one after further training.

    Args:
        models: a `PixelCNN` or `GatedPixelCNN` of grey images with two levels, at most 64×64 pixels or as many, or a
            mapping of names to several of them of one image shape; at most 3. Their condition, if they have one, must
            be of one attribute, such as `OneHot((10,))`.
        images: images to begin with, (n, height, width) of zeros and ones; at most 16.
        classes: names of the values of the condition, in their order; none: their numbers.
        seed: of the coins, from 0 to 2³² - 1.
        precision: of the weights that are sent to the browser: "float16" or "float32".

    Attributes:
        position: how many pixels are drawn. Set it, and the image grows to there.
        given: the first pixels, where they are not drawn but kept: up to the last one that was changed by hand. Set it
            to a list of zeros and ones, or to a whole image.
        model_name, label, seed: which model draws, of which class, with which coins.
        speed: of playing, pixels per second, one of 2, 10, 40, 150, 600, 3,000.
        show_field, show_blind_spot: what is drawn over the image for the next pixel.

    Raises:
        TypeError, ValueError: if an argument is of the wrong type, or does not fit the others.
        TraitError: if an attribute is set to anything else than described.
    """

    _esm = joined(
        "shared.js",
        "network.js",
        "drawing.js",
        "masked_network.js",
        "receptive.js",
        "pixel_grid.js",
        "pixel_growth.js",
        "pixel_stepper.js",
    )

    position = traitlets.Int(0).tag(sync=True)
    given = traitlets.List(traitlets.Int()).tag(sync=True)
    model_name = traitlets.Unicode().tag(sync=True)
    label = traitlets.Int(0).tag(sync=True)
    seed = traitlets.Int(0).tag(sync=True)
    speed = traitlets.Int(150).tag(sync=True)
    show_field = traitlets.Bool(True).tag(sync=True)
    show_blind_spot = traitlets.Bool(False).tag(sync=True)
    names = traitlets.List(traitlets.Unicode()).tag(sync=True)  # of the models
    classes = traitlets.List(traitlets.Unicode()).tag(sync=True)
    precision = traitlets.Unicode("float16").tag(sync=True)
    _speeds = traitlets.List(list(SPEEDS)).tag(sync=True)
    _shape = traitlets.List(traitlets.Int()).tag(sync=True)  # height, width
    _networks: Any = traitlets.List().tag(sync=True)  # for each model its layers
    _networks_numbers = traitlets.List(traitlets.Bytes()).tag(sync=True)
    _told = traitlets.List(traitlets.Bytes()).tag(sync=True)  # float32 (n_classes, n_blocks, 4·width) each
    _images = traitlets.Bytes().tag(sync=True)  # uint8 (n, height, width), zeros and ones

    def __init__(
        self,
        models: Model | Mapping[str, Model],
        images: Any = None,
        *,
        classes: Sequence[str] | None = None,
        seed: int = 0,
        precision: str = "float16",
    ) -> None:
        check_choice(precision, "precision", ("float16", "float32"))
        self._models = as_sent(check_models(models), precision)
        first = next(iter(self._models.values()))
        height, width = first.image_shape
        self._size = height * width
        self._n_classes = count_classes(self._models)
        examples = as_pixels(images, first.image_shape)
        if check_count(seed, "seed", minimum=0) > MAX_SEED:
            raise ValueError(f"seed must be at most {MAX_SEED:,}, got {seed:,}")
        read = [read_masked(model) for model in self._models.values()]
        super().__init__(
            model_name=next(iter(self._models)),
            seed=seed,
            names=list(self._models),
            classes=check_classes(classes, self._n_classes),
            precision=precision,
            _shape=[height, width],
            _networks=[network.layers for network in read],
            _networks_numbers=[network.numbers.astype(precision).tobytes() for network in read],
            _told=[told(model, count_classes({"": model})).tobytes() for model in self._models.values()],
            _images=examples.tobytes(),
        )

    def __repr__(self) -> str:
        height, width = self._shape
        return f"PixelStepper of {', '.join(self.names)}, {height}×{width}: run this cell in Jupyter to draw"

    @traitlets.validate("position")
    def _valid_position(self, proposal: Any) -> int:
        return within(proposal, self._size)

    @traitlets.validate("seed")
    def _valid_seed(self, proposal: Any) -> int:
        return within(proposal, MAX_SEED)

    @traitlets.validate("label")
    def _valid_label(self, proposal: Any) -> int:
        return within(proposal, max(0, self._n_classes - 1))

    @traitlets.validate("speed", "model_name")
    def _valid_choice(self, proposal: Any) -> Any:
        known = SPEEDS if proposal.trait.name == "speed" else tuple(self._models)
        if proposal.value not in known:
            listed = ", ".join(map(str, known))
            raise traitlets.TraitError(
                f"{proposal.trait.name} must be one of {listed}, got {proposal.value!r}"
            )
        return proposal.value

    @traitlets.validate("given")
    def _valid_given(self, proposal: Any) -> list[int]:
        if len(proposal.value) > self._size:
            raise traitlets.TraitError(
                f"given must have at most {self._size} pixels, got {len(proposal.value)}"
            )
        if not set(proposal.value) <= {0, 1}:
            raise traitlets.TraitError("given must hold zeros and ones; data.binarize(x) draws such pixels")
        return proposal.value

    def __setattr__(self, name: str, value: Any) -> None:
        # A tensor or an array is as good as a list, and an image as good as its pixels in a row.
        if name == "given" and hasattr(value, "flatten"):
            whole = as_float_tensor(value, "given").flatten()
            value = [int(level) if level == int(level) else level for level in whole.tolist()]
        super().__setattr__(name, value)

    @torch.no_grad()
    def image(self) -> Tensor:
        """The whole image, (height, width), as the widget draws it from here to the end; computed in Python."""
        model = self._models[self.model_name]
        height, width = model.image_shape
        conditions = () if model.condition is None else (torch.tensor([self.label]),)
        steps = model.steps(1, model.condition_numbers(1, conditions))
        x = torch.zeros(1, 1, height, width)
        for place, coin in enumerate(coins(self.seed, self._size).tolist()):
            row, column = divmod(place, width)
            p_white = torch.sigmoid(steps.logits(x, row, column)).item()
            x[0, 0, row, column] = self.given[place] if place < len(self.given) else float(coin < p_white)
        return x[0, 0]


def within(proposal: Any, most: int) -> int:
    """A trait's value from 0 to `most`."""
    if not 0 <= proposal.value <= most:
        raise traitlets.TraitError(
            f"{proposal.trait.name} must be from 0 to {most:,}, got {proposal.value:,}"
        )
    return proposal.value


def check_models(models: Any) -> dict[str, Model]:
    """Models by name, all of them of kinds and sizes that the browser can draw with."""
    named = dict(models) if isinstance(models, Mapping) else {"model": models}
    if not 1 <= len(named) <= MAX_MODELS:
        raise ValueError(f"models must be 1 to {MAX_MODELS}, got {len(named)}")
    for name, model in named.items():
        if not isinstance(name, str) or not name:
            raise TypeError(f"models must have names that are strings, got {name!r}")
        if type(model) not in (PixelCNN, GatedPixelCNN):
            raise TypeError(
                "models must be an autoregressive.PixelCNN or GatedPixelCNN, or a mapping of names to some, got "
                f"{type(model).__name__}"
            )
        if len(model.image_shape) != 2 or model.n_levels != 2 or model.as_one_hot:
            raise ValueError(
                "models must draw grey images (height, width) with two levels, read as one brightness, so that a "
                f"click can change a pixel; {name!r} draws {model.image_shape} with {model.n_levels} levels"
                + (", read as one-hot" if model.as_one_hot else "")
            )
        kinds = (model.first.mask_type, model.hidden.mask_type) if isinstance(model, PixelCNN) else ("A", "B")
        if kinds != ("A", "B"):
            raise ValueError(
                f"models must have masks of type A in the first layer and B in all others; {name!r} has "
                f"{kinds[0]} and {kinds[1]}"
            )
    shapes = {model.image_shape for model in named.values()}
    if len(shapes) > 1:
        listed = ", ".join(f"{name!r} {model.image_shape}" for name, model in named.items())
        raise ValueError(f"models must draw images of one shape, got {listed}")
    ((height, width),) = shapes
    if height * width > MAX_PIXELS:
        raise ValueError(f"models must draw at most {MAX_PIXELS:,} pixels, got {height}×{width}")
    return named


def as_sent(models: Mapping[str, Model], precision: str) -> dict[str, Model]:
    """Copies whose weights are rounded as they are when they are sent, if that precision can hold them."""
    copies = {name: frozen(model).cpu().float() for name, model in models.items()}
    for name, model in copies.items():
        for weight in model.parameters():
            rounded = weight.detach().to(getattr(torch, precision)).float()
            if not rounded.isfinite().all():
                raise ValueError(
                    f"the model {name!r} has weights that are not finite in {precision}: "
                    "send them as precision='float32', or train it anew if there is a NaN among them"
                )
            weight.data = rounded
    return copies


def count_classes(models: Mapping[str, Model]) -> int:
    """How many values the condition of the models has, 0 without one."""
    found: dict[str, int] = {}
    for name, model in models.items():
        if model.condition is None:
            continue
        if not isinstance(model.condition, OneHot | Embedding) or len(model.condition.n_values) != 1:
            raise ValueError(
                "models must have a condition of one attribute, OneHot((n,)) or Embedding((n,), dim), to be chosen "
                f"from a menu; {name!r} has {model.condition}"
            )
        found[name] = model.condition.n_values[0]
    if len(set(found.values())) > 1:
        listed = ", ".join(f"{name!r} {n}" for name, n in found.items())
        raise ValueError(f"models must have conditions with the same number of values, got {listed}")
    return next(iter(found.values()), 0)


def check_classes(classes: Any, n_classes: int) -> list[str]:
    """A name for each class."""
    if classes is None:
        return [str(label) for label in range(n_classes)]
    if isinstance(classes, str) or not isinstance(classes, Sequence):
        raise TypeError(f"classes must be a sequence of names, got {classes!r}")
    names = [str(name) for name in classes]
    if len(names) != n_classes:
        raise ValueError(
            f"classes must have a name for each of the {n_classes} values of the condition, got {len(names)}"
        )
    return names


def as_pixels(images: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Images of zeros and ones as uint8, if there are some and each has the shape of the models'."""
    if images is None:
        return np.zeros(0, np.uint8)
    x = as_float_tensor(images, "images").detach().cpu()
    if tuple(x.shape[1:]) != shape or not 1 <= len(x) <= MAX_IMAGES:
        expected = ", ".join(map(str, shape))
        raise ValueError(
            f"images must have shape (n, {expected}) with n from 1 to {MAX_IMAGES}, got {tuple(x.shape)}"
        )
    if not ((x == 0) | (x == 1)).all():
        raise ValueError("images must hold zeros and ones; data.binarize(x) draws such pixels from grey ones")
    return x.to(torch.uint8).numpy()
