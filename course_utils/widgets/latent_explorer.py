"""A map of codes to drag over: the decoded picture follows the hand."""

import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import anywidget
import numpy as np
import torch
import traitlets
from torch import Tensor, nn

from course_utils.plots import COLORS
from course_utils.validation import as_float_tensor, check_choice, check_count
from course_utils.widgets.readable import as_bytes, device_of, read_network
from course_utils.widgets.scripts import joined

__all__ = ["LatentExplorer"]

MAX_POINTS = 10_000
MAX_DIM = 128


class LatentExplorer(anywidget.AnyWidget):
    """Explore the codes of a decoder: drag on the map, and the decoded picture follows.

    The pad shows two directions of the codes, sliders the others. An `nn.Sequential` of common layers (see
    `read_network`) runs in the browser, so that the picture follows without Python, also on exported pages; any other
    callable is asked in Python, always for the latest position only.

    Args:
        decoder: from codes (n, d) to images (n, height, width) or (n, 3, height, width) in [0, 1].
        codes: codes of known images, (n, d), drawn as a map; at most 10,000.
        labels: their labels, (n,), integers: colours and shapes of the map.
        images: the images themselves, to see beside their reconstructions.
        encoder: from images to codes, (n, d); gives the canvas to draw on. One of known layers runs in the browser.
        names: names of the labels: a sequence, or a mapping from label to name.
        latent_dim: d, where neither `codes` nor the decoder's first layer tells it.
        sample: what *Sample* draws from: "normal" for N(0, I), "codes" for the Gaussian fitted to the codes.
        precision: of the weights that are sent to the browser: "float16" or "float32".

    Attributes:
        z: the present code, a list of d numbers; set it, and the picture follows.
        a, b: the two ends of the path.
        c: a third code; with `a` and `b` it spans the plane that the pad can show.
        error: what the decoder or the encoder raised last, as the widget shows it.

    Raises:
        ValueError: if the arguments do not fit each other.
        TraitError: if `z`, `a`, `b` or `c` is set to anything but d finite numbers.
    """

    _esm = joined("shared.js", "network.js", "drawing.js", "latent_explorer.js")

    z = traitlets.List(traitlets.Float()).tag(sync=True)
    a = traitlets.List(traitlets.Float()).tag(sync=True)
    b = traitlets.List(traitlets.Float()).tag(sync=True)
    c = traitlets.List(traitlets.Float()).tag(sync=True)
    error = traitlets.Unicode("").tag(sync=True)
    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    colors = traitlets.List(list(COLORS), read_only=True).tag(sync=True)
    image_shape = traitlets.List(traitlets.Int()).tag(
        sync=True
    )  # of `images` and the encoder's: channels, height, width
    encodes = traitlets.Bool(False).tag(sync=True)
    sample = traitlets.Unicode("normal").tag(sync=True)
    precision = traitlets.Unicode("float16").tag(sync=True)
    _decoder: Any = traitlets.List(None, allow_none=True).tag(sync=True)  # layers, None: ask Python
    _decoder_numbers = traitlets.Bytes().tag(sync=True)
    _encoder: Any = traitlets.List(None, allow_none=True).tag(sync=True)
    _encoder_numbers = traitlets.Bytes().tag(sync=True)
    _codes = traitlets.Bytes().tag(sync=True)  # float32 (n, d)
    _labels = traitlets.Bytes().tag(sync=True)  # uint8 (n,), an index into names
    _images = traitlets.Bytes().tag(sync=True)  # uint8 (n, channels, height, width)
    _centre = traitlets.List(traitlets.Float()).tag(sync=True)  # mean of the codes
    _principal = traitlets.List(traitlets.List(traitlets.Float())).tag(
        sync=True
    )  # principal directions, rows
    _spreads = traitlets.List(traitlets.Float()).tag(sync=True)  # standard deviations along them

    def __init__(
        self,
        decoder: Callable[[Tensor], Tensor],
        codes: Any = None,
        labels: Any = None,
        images: Any = None,
        *,
        encoder: Callable[[Tensor], Tensor] | None = None,
        names: Mapping[int, str] | Sequence[str] | None = None,
        latent_dim: int | None = None,
        sample: Literal["normal", "codes"] = "normal",
        precision: Literal["float16", "float32"] = "float16",
    ) -> None:
        if not callable(decoder):
            raise TypeError(f"decoder must be a module or a function of codes, got {type(decoder).__name__}")
        self._decode, self._encode = decoder, encoder
        x = None if codes is None else check_codes(codes)
        d = self._latent_dim = find_latent_dim(decoder, x, latent_dim)
        check_choice(sample, "sample", ("normal", "codes"))
        if sample == "codes" and x is None:
            raise ValueError(
                "sample='codes' needs codes to fit a Gaussian to; pass codes, or sample='normal'"
            )
        read, read_encoder = read_network(decoder), read_network(encoder)
        check_choice(precision, "precision", ("float16", "float32"))
        shown = torch.empty(0) if images is None else check_images(images, x)
        values, known = check_labels(labels, names, x)
        centre, principal, spreads = principal_directions(x, d)
        super().__init__(
            z=centre,
            sample=sample,
            precision=precision,
            encodes=encoder is not None,
            names=known,
            image_shape=image_shape(shown, decoder, d),
            _decoder=read and read.layers,
            _decoder_numbers=as_bytes(read, precision),
            _encoder=read_encoder and read_encoder.layers,
            _encoder_numbers=as_bytes(read_encoder, precision),
            _codes=b"" if x is None else x.numpy().astype(np.float32).tobytes(),
            _labels=values.tobytes(),
            _images=(shown.clamp(0, 1) * 255).round().to(torch.uint8).numpy().tobytes(),
            _centre=centre,
            _principal=principal,
            _spreads=spreads,
        )
        if x is not None:
            self.a, self.b, self.c = (x[min(i, len(x) - 1)].tolist() for i in range(3))
        self.on_msg(self._answer)

    def __repr__(self) -> str:
        n = len(self._codes) // (4 * self._latent_dim)
        return f"LatentExplorer, {self._latent_dim} dimensions, {n:,} codes: run this cell in Jupyter to drag"

    @traitlets.validate("z", "a", "b", "c")
    def _valid_code(self, proposal: Any) -> list[float]:
        values, d = proposal.value, self._latent_dim
        if (
            len(values) not in ({d} if proposal.trait.name == "z" else {0, d})
            or not np.isfinite(values).all()
        ):
            raise traitlets.TraitError(f"{proposal.trait.name} must be {d} finite numbers, got {values}")
        return [float(value) for value in values]

    def __setattr__(self, name: str, value: Any) -> None:
        # A tensor or an array is as good as a list.
        if name in ("z", "a", "b", "c") and hasattr(value, "tolist"):
            value = value.tolist()
        super().__setattr__(name, value)

    def path(self, n_steps: int = 9, *, spherical: bool = False) -> Tensor:
        """Codes from `a` to `b`, shape (n_steps, d): along a straight line, or along an arc around the origin."""
        check_count(n_steps, "n_steps", minimum=2)
        if not self.a or not self.b:
            raise ValueError("the path has no ends yet; set explorer.a and explorer.b")
        return interpolate(torch.tensor(self.a), torch.tensor(self.b), n_steps, spherical=spherical)

    @torch.no_grad()
    def decode(self, codes: Any) -> Tensor:
        """Images of codes (n, d), as the widget shows them: on the CPU, clamped to [0, 1]."""
        z = as_float_tensor(codes, "codes").float()
        return self._decode(z.to(device_of(self._decode))).detach().cpu().float().clamp(0, 1)

    def _answer(self, widget: Any, content: Mapping[str, Any], buffers: Sequence[bytes]) -> None:
        """Decode or encode what the browser asks for; what it raises is shown there."""
        kind = content.get("ask")
        if kind not in ("decode", "encode"):
            return
        values = torch.frombuffer(bytearray(buffers[0]), dtype=torch.float32)
        try:
            if kind == "decode":
                result = self.decode(values.view(-1, self._latent_dim))
                expected = result.ndim == 3 or (result.ndim == 4 and result.shape[1] in (1, 3))
                if not expected or len(result) != len(values) // self._latent_dim:
                    raise ValueError(
                        "the decoder must give images (n, height, width) or (n, 3, height, width), "
                        f"got {tuple(result.shape)}"
                    )
            else:
                result = self._encode_pictures(values)
            self.error = ""
        except Exception as problem:
            self.error = "".join(traceback.format_exception_only(problem)).strip()
            self.send({"answer": content["id"], "failed": True})
            return
        shape = list(result.shape[1:]) if result.ndim != 3 else [1, *result.shape[1:]]
        self.send({"answer": content["id"], "shape": shape}, [result.contiguous().numpy().tobytes()])

    @torch.no_grad()
    def _encode_pictures(self, values: Tensor) -> Tensor:
        channels, height, width = self.image_shape
        picture = values.view(-1, *((height, width) if channels == 1 else (channels, height, width)))
        if self._encode is None:
            raise ValueError("there is no encoder; pass encoder=")
        codes = self._encode(picture.to(device_of(self._encode))).detach().cpu().float()
        if codes.shape != (len(picture), self._latent_dim):
            raise ValueError(f"the encoder must give codes (n, {self._latent_dim}), got {tuple(codes.shape)}")
        return codes


def interpolate(a: Tensor, b: Tensor, n_steps: int, *, spherical: bool) -> Tensor:
    """Codes from `a` to `b`, ends included, shape (n_steps, d)."""
    t = torch.linspace(0, 1, n_steps)[:, None]
    cosine = torch.nn.functional.cosine_similarity(a, b, dim=0).clamp(-1, 1)
    angle = cosine.arccos()
    if not spherical or angle.sin() < 1e-4:  # on one line with the origin there is no arc to follow
        return a + t * (b - a)
    return (((1 - t) * angle).sin() * a + (t * angle).sin() * b) / angle.sin()


def check_codes(codes: Any) -> Tensor:
    """Finite codes (n, d) in float32 on the CPU, not too many."""
    x = as_float_tensor(codes, "codes").detach().cpu().float()
    if x.ndim != 2 or not len(x) or not 1 <= x.shape[1] <= MAX_DIM:
        raise ValueError(f"codes must have shape (n, d) with d at most {MAX_DIM}, got {tuple(x.shape)}")
    if len(x) > MAX_POINTS:
        raise ValueError(
            f"codes must have at most {MAX_POINTS:,} rows, got {len(x):,}; take a sample of them"
        )
    if not x.isfinite().all():
        raise ValueError("codes must be finite, got NaN or infinity in them")
    return x


def find_latent_dim(decoder: Any, codes: Tensor | None, given: int | None) -> int:
    """The number of dimensions that the arguments agree on."""
    first = (
        next((m for m in decoder.modules() if isinstance(m, nn.Linear)), None)
        if isinstance(decoder, nn.Module)
        else None
    )
    found = {
        "latent_dim": given if given is None else check_count(given, "latent_dim"),
        "the codes": None if codes is None else codes.shape[1],
        "the decoder's first layer": first.in_features
        if first is not None and read_network(decoder)
        else None,
    }
    known = {source: d for source, d in found.items() if d is not None}
    if not known:
        raise ValueError("latent_dim must be given where there are no codes and the decoder does not tell it")
    if len(set(known.values())) > 1:
        listed = ", ".join(f"{source} has {d}" for source, d in known.items())
        raise ValueError(f"decoder and codes must have the same number of dimensions, but {listed}")
    return next(iter(known.values()))


def check_images(images: Any, codes: Tensor | None) -> Tensor:
    """Images (n, channels, height, width), one for each code."""
    x = as_float_tensor(images, "images").detach().cpu().float()
    x = x[:, None] if x.ndim == 3 else x
    if x.ndim != 4 or x.shape[1] not in (1, 3):
        raise ValueError(
            f"images must have shape (n, height, width) or (n, 3, height, width), got {tuple(x.shape)}"
        )
    if codes is None or len(x) != len(codes):
        n = "no codes" if codes is None else f"{len(codes)} codes"
        raise ValueError(f"images must be one for each code, got {len(x)} images and {n}")
    return x


def check_labels(labels: Any, names: Any, codes: Tensor | None) -> tuple[np.ndarray, list[str]]:
    """For each code the index of its label among the sorted labels, and the names of those."""
    if labels is None:
        return np.zeros(0 if codes is None else len(codes), dtype=np.uint8), []
    values = np.asarray(labels)
    if codes is None or values.shape != (len(codes),):
        n = "no codes" if codes is None else f"{len(codes)} codes"
        raise ValueError(f"labels must be one for each code, got shape {values.shape} and {n}")
    kinds, index = np.unique(values, return_inverse=True)
    if len(kinds) > 35:
        raise ValueError(f"labels must have at most 35 different values, to be told apart, got {len(kinds)}")
    if names is None:
        return index.astype(np.uint8), [str(kind) for kind in kinds]
    try:
        return index.astype(np.uint8), [str(names[kind]) for kind in kinds.tolist()]
    except (KeyError, IndexError, TypeError):
        raise ValueError(
            f"names must have a name for each label ({', '.join(map(str, kinds))}), got {names!r}"
        ) from None


def principal_directions(codes: Tensor | None, d: int) -> tuple[list[float], list[list[float]], list[float]]:
    """Mean of the codes, their principal directions as rows, and the standard deviations along them."""
    if codes is None or len(codes) < 2:
        centre = torch.zeros(d) if codes is None else codes[0]
        return centre.tolist(), torch.eye(d).tolist(), [1.0] * d
    values, vectors = torch.linalg.eigh(codes.double().T.cov().reshape(d, d))
    spreads = values.flip(0).clamp_min(0).sqrt()
    return codes.mean(0).tolist(), vectors.T.flip(0).tolist(), spreads.tolist()


@torch.no_grad()
def image_shape(images: Tensor, decoder: Any, d: int) -> list[int]:
    """Channels, height and width; those that the decoder gives where there are no images."""
    if len(images):
        return list(images.shape[1:])
    try:
        shape = list(decoder(torch.zeros(1, d, device=device_of(decoder))).shape[1:])
    except Exception:  # it is asked again when it is shown, and then the widget says what is wrong
        return []
    return [1, *shape] if len(shape) == 2 else shape
