"""Painting with codes: choose a code, put it into the map, and see what the decoder makes of it."""

from typing import Any

import anywidget
import numpy as np
import torch
import traitlets
from torch import Tensor

from course_utils.validation import as_float_tensor, check_choice
from course_utils.vqvae import VQVAE
from course_utils.widgets.readable import (
    KNOWN_LAYERS,
    as_bytes,
    frozen,
    read_network,
    unknown_layer,
)
from course_utils.widgets.scripts import joined

__all__ = ["CodePainter"]

MAX_IMAGES = 16
MAX_CODES = 256
MAX_CELLS = 400
STAMP = 3  # codes a side of the map that is decoded to show a code


class CodePainter(anywidget.AnyWidget):
    """Paint with the codes of a VQ-VAE: choose one, put it into the map, and the decoded picture follows.

    The decoder runs in the browser, also on exported pages; Python is not asked. In the palette each code is shown by
    the patch that it becomes among its like. The widget has the weights as they are now: make another one after further
    training.

    Args:
        model: a `vqvae.VQVAE` of grey images or of three colours, with at most 256 codes.
        images: images to begin with, (n, channels, height, width) in [0, 1], or (n, height, width) for grey ones; at
            most 16. They are encoded here. A map full of code 0 if None.
        precision: of the weights that are sent to the browser: "float16" or "float32".

    Attributes:
        codes: the map, one list per row; set it to a tensor, and the picture follows. A stroke changes it when it ends.
        brush: the code that is painted with.

    Raises:
        TypeError, ValueError: if an argument is of the wrong type, does not fit the others, or has a layer that the
            browser does not know.
        TraitError: if `codes` or `brush` is set to anything else than codes.
    """

    _esm = joined("shared.js", "network.js", "drawing.js", "code_map.js", "code_painter.js")

    codes = traitlets.List(traitlets.List(traitlets.Int())).tag(sync=True)
    brush = traitlets.Int(0).tag(sync=True)
    precision = traitlets.Unicode("float16").tag(sync=True)
    _layers: Any = traitlets.List().tag(sync=True)  # of the decoder
    _numbers = traitlets.Bytes().tag(sync=True)
    _codebook = traitlets.Bytes().tag(sync=True)  # float32 (n_codes, dim)
    _stamps = traitlets.Bytes().tag(sync=True)  # uint8 (n_codes, channels, 4, 4), what each code looks like
    _starts: Any = traitlets.List().tag(sync=True)  # maps to begin with
    _shapes = traitlets.Dict().tag(sync=True)  # map: rows, columns; image: channels, height, width

    def __init__(self, model: VQVAE, images: Any = None, *, precision: str = "float16") -> None:
        check_choice(precision, "precision", ("float16", "float32"))
        self._model = check_model(model)
        self._rows, self._columns = self._model.code_shape
        starts = torch.zeros(1, *self._model.code_shape, dtype=torch.int64)
        if images is not None:
            starts = encode(self._model, images)
        read = read_network(self._model.decoder)
        if read is None:
            raise ValueError(
                f"the browser cannot run the decoder: it does not know the layer {unknown_layer(self._model.decoder)}; "
                f"known are {KNOWN_LAYERS}"
            )
        codebook = self._model.quantizer.codebook.detach().float()
        with np.errstate(over="ignore"):
            finite = np.isfinite(read.numbers.astype(precision)).all() and codebook.isfinite().all()
        if not finite:
            raise ValueError(
                f"the model has weights that are not finite in {precision}: "
                "send them as precision='float32', or train it anew if there is a NaN among them"
            )
        super().__init__(
            codes=starts[0].tolist(),
            precision=precision,
            _layers=read.layers,
            _numbers=as_bytes(read, precision),
            _codebook=codebook.numpy().tobytes(),
            _stamps=stamps(self._model).tobytes(),
            _starts=starts.tolist() if images is not None else [],
            _shapes={"map": list(self._model.code_shape), "image": list(self._model.image_shape)},
        )

    def __repr__(self) -> str:
        return (
            f"CodePainter, {self._rows}×{self._columns} places for {self._model.n_codes} codes: "
            "run this cell in Jupyter to paint"
        )

    @traitlets.validate("codes")
    def _valid_codes(self, proposal: Any) -> list[list[int]]:
        rows = proposal.value
        if len(rows) != self._rows or any(len(row) != self._columns for row in rows):
            raise traitlets.TraitError(f"codes must be {self._rows} rows of {self._columns} codes")
        values = [code for row in rows for code in row]
        if min(values) < 0 or max(values) >= self._model.n_codes:
            raise traitlets.TraitError(
                f"codes must be from 0 to {self._model.n_codes - 1}, got {min(values)} to {max(values)}"
            )
        return rows

    @traitlets.validate("brush")
    def _valid_brush(self, proposal: Any) -> int:
        if not 0 <= proposal.value < self._model.n_codes:
            raise traitlets.TraitError(
                f"brush must be a code from 0 to {self._model.n_codes - 1}, got {proposal.value}"
            )
        return proposal.value

    def __setattr__(self, name: str, value: Any) -> None:
        # A tensor or an array is as good as lists.
        if name == "codes" and hasattr(value, "tolist"):
            value = value.tolist()
        super().__setattr__(name, value)

    @torch.no_grad()
    def picture(self) -> Tensor:
        """What the decoder makes of the present codes, (channels, height, width) in [0, 1]."""
        return self._model.decode(torch.tensor([self.codes]))[0]


def check_model(model: Any) -> VQVAE:
    """A copy of the model, if the browser can show its codes and pictures."""
    if type(model) is not VQVAE:
        raise TypeError(f"model must be a vqvae.VQVAE, got {type(model).__name__}")
    if model.image_shape[0] not in (1, 3):
        raise ValueError(f"model must make grey images or ones of three colours, got {model.image_shape}")
    rows, columns = model.code_shape
    if model.n_codes > MAX_CODES or rows * columns > MAX_CELLS:
        raise ValueError(
            f"model must have at most {MAX_CODES} codes and {MAX_CELLS} places for them, to be seen and chosen, got "
            f"{model.n_codes} codes and {rows}×{columns} places"
        )
    return frozen(model).cpu().float()


@torch.no_grad()
def encode(model: VQVAE, images: Any) -> Tensor:
    """Maps of codes, (n, rows, columns), of images that fit the model."""
    x = as_float_tensor(images, "images").detach().cpu().float()
    x = x[:, None] if x.ndim == 3 and model.image_shape[0] == 1 else x
    if tuple(x.shape[1:]) != model.image_shape or not 1 <= len(x) <= MAX_IMAGES:
        expected = ", ".join(map(str, model.image_shape))
        raise ValueError(
            f"images must have shape (n, {expected}) with n from 1 to {MAX_IMAGES}, got {tuple(x.shape)}"
        )
    if not ((x >= 0) & (x <= 1)).all():
        raise ValueError(f"images must be in [0, 1], got values from {x.min():.3g} to {x.max():.3g}")
    return model.encode(x)


@torch.no_grad()
def stamps(model: VQVAE) -> np.ndarray:
    """For each code the patch that it becomes among its like, uint8 (n_codes, channels, 4, 4)."""
    maps = torch.arange(model.n_codes)[:, None, None].expand(-1, STAMP, STAMP)
    pictures = model.decode(maps)  # (n_codes, channels, 4·STAMP, 4·STAMP)
    middle = slice(4 * (STAMP // 2), 4 * (STAMP // 2) + 4)
    return (255 * pictures[:, :, middle, middle]).round().to(torch.uint8).numpy()
