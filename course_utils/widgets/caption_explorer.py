"""Captions to type: pictures of them follow at once, and what a word changes is seen at one z."""

import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import anywidget
import numpy as np
import torch
import traitlets
from torch import Tensor, nn

from course_utils.conditions import BagOfWords, WordGRU
from course_utils.data import Vocabulary
from course_utils.gan import ConditionalGenerator
from course_utils.networks import fold_batch_norm
from course_utils.validation import check_choice, check_count
from course_utils.widgets.captions import SENTENCE, Choices, check_captions, check_choices, check_sentence
from course_utils.widgets.latent_explorer import MAX_DIM
from course_utils.widgets.readable import ReadNetwork, as_bytes, device_of, frozen, read_network
from course_utils.widgets.scripts import joined

__all__ = ["CaptionExplorer"]

MAX_PICTURES = 24
MAX_LETTERS = 500


class CaptionExplorer(anywidget.AnyWidget):
    """Type a caption, or choose its words: pictures of it, for several z, follow at once.

    Click a picture to pin its z: it stays while the words change and the other z are drawn anew, and is shown larger,
    beside what it was before the last change of words. A `gan.ConditionalGenerator` of common layers (see
    `read_network`; batch norm is folded in) whose condition is a `WordGRU` or a `BagOfWords` runs in the browser, also
    on exported pages; any other model is asked in Python, always for the latest caption only. The widget has a module's
    weights as they are now: make another one after further training.

    Args:
        model: a `gan.ConditionalGenerator`, or any function of z (n, d) and words (n, length), as the vocabulary
            numbers them, that gives images (n, height, width) or (n, 3, height, width) in [0, 1].
        vocabulary: the words that the model knows.
        captions: examples to pick; the widget begins with the first. Examples of creatures if None.
        choices: kinds of words, each with its options, such as {"colour": ("red", "blue"), ...}. An option is one or
            more words, or a tuple of synonyms, the first of which is written. Those of creatures if None and the
            vocabulary has their words; {} for no choices.
        sentence: the caption that choices make, with a place {kind} for each of them. What stands in [brackets] falls
            if no place in it is filled, and so does "and" beside an empty place. If None: the choices in their order.
        n_pictures: how many z there are.
        seed: of the first z.
        latent_dim: d, where the model does not tell it.
        precision: of the weights that are sent to the browser: "float16" or "float32".

    Attributes:
        caption: what is in the text box; set it, and the pictures follow. Unknown words are allowed: the pictures are
            then still those of the last caption without.
        z: of the pictures, `n_pictures` lists of d numbers; an array or a tensor does as well.
        pinned: number of the picture whose z is pinned, from 0; -1 for none.
        error: what is wrong with the caption, or what the model raised last; "" if nothing.

    Raises:
        TypeError, ValueError: if an argument is of the wrong type, or does not fit the others.
        TraitError: if `caption`, `z` or `pinned` is set to anything else than described.
    """

    _esm = joined("shared.js", "network.js", "captions.js", "caption_explorer.js")

    caption = traitlets.Unicode().tag(sync=True)
    z = traitlets.List(traitlets.List(traitlets.Float())).tag(sync=True)
    pinned = traitlets.Int(-1).tag(sync=True)
    error = traitlets.Unicode("").tag(sync=True)
    precision = traitlets.Unicode("float16").tag(sync=True)
    sentence = traitlets.Unicode().tag(sync=True)
    _examples = traitlets.List(traitlets.Unicode()).tag(sync=True)
    _words = traitlets.List(traitlets.Unicode()).tag(sync=True)
    _choices: Any = traitlets.List().tag(sync=True)  # [kind, [[synonym, ...], ...]]
    _shown = traitlets.Unicode().tag(sync=True)  # the last caption of known words
    _before = traitlets.Unicode().tag(sync=True)  # the one before the last change of words
    _network: Any = traitlets.List(None, allow_none=True).tag(sync=True)  # layers, None: ask Python
    _network_numbers = traitlets.Bytes().tag(sync=True)
    _reader = traitlets.Dict().tag(sync=True)  # how the words are read
    _reader_numbers = traitlets.Bytes().tag(sync=True)

    def __init__(
        self,
        model: Callable[[Tensor, Tensor], Tensor],
        vocabulary: Vocabulary,
        *,
        captions: Sequence[str] | None = None,
        choices: Choices | None = None,
        sentence: str | None = None,
        n_pictures: int = 8,
        seed: int = 0,
        latent_dim: int | None = None,
        precision: Literal["float16", "float32"] = "float16",
    ) -> None:
        if not callable(model):
            raise TypeError(
                f"model must be a module or a function of z and words, got {type(model).__name__}"
            )
        if not isinstance(vocabulary, Vocabulary):
            raise TypeError(f"vocabulary must be a data.Vocabulary, got {type(vocabulary).__name__}")
        self._vocabulary, self._model = vocabulary, frozen(model)
        examples = check_captions(captions, vocabulary)
        kinds = check_choices(choices, vocabulary)
        if sentence is None:
            sentence = SENTENCE if choices is None else " ".join(f"{{{kind}}}" for kind in kinds)
        check_sentence(sentence, kinds, vocabulary)
        if check_count(n_pictures, "n_pictures") > MAX_PICTURES:
            raise ValueError(f"n_pictures must be at most {MAX_PICTURES}, got {n_pictures}")
        self._shape = (n_pictures, find_latent_dim(model, latent_dim))
        check_choice(precision, "precision", ("float16", "float32"))
        network, reader, numbers = read_generator(self._model, vocabulary)
        generator = torch.Generator().manual_seed(check_count(seed, "seed", minimum=0))
        super().__init__(
            caption=examples[0],
            z=torch.randn(self._shape, generator=generator).tolist(),
            precision=precision,
            sentence=sentence,
            _examples=examples,
            _words=list(vocabulary.words),
            _choices=[[kind, options] for kind, options in kinds.items()],
            _shown=examples[0],
            _network=network and network.layers,
            _network_numbers=as_bytes(network, precision),
            _reader=reader,
            _reader_numbers=numbers.astype(precision).tobytes(),
        )
        self.on_msg(self._answer)

    def __repr__(self) -> str:
        return f"CaptionExplorer, {self.caption!r}, {len(self.z)} pictures: run this cell in Jupyter to type"

    @traitlets.validate("z")
    def _valid_z(self, proposal: Any) -> list[list[float]]:
        n, d = self._shape
        rows = proposal.value
        if len(rows) != n or any(len(row) != d or not np.isfinite(row).all() for row in rows):
            raise traitlets.TraitError(f"z must be {n} rows of {d} finite numbers, one row per picture")
        return [[float(value) for value in row] for row in rows]

    @traitlets.validate("pinned")
    def _valid_pinned(self, proposal: Any) -> int:
        if not -1 <= proposal.value < self._shape[0]:
            raise traitlets.TraitError(
                f"pinned must be from 0 to {self._shape[0] - 1}, or -1 for none, got {proposal.value}"
            )
        return proposal.value

    @traitlets.validate("caption")
    def _valid_caption(self, proposal: Any) -> str:
        if len(proposal.value) > MAX_LETTERS:
            raise traitlets.TraitError(
                f"caption must have at most {MAX_LETTERS} letters, got {len(proposal.value)}"
            )
        return proposal.value

    @traitlets.observe("caption")
    def _check_words(self, _change: Any = None) -> None:
        try:
            self._vocabulary.encode([self.caption])
            self.error = ""
        except ValueError as problem:
            self.error = str(problem)

    def __setattr__(self, name: str, value: Any) -> None:
        # A tensor or an array is as good as lists.
        if name == "z" and hasattr(value, "tolist"):
            value = value.tolist()
        super().__setattr__(name, value)

    @torch.no_grad()
    def pictures(self, caption: str | None = None) -> Tensor:
        """Images (n_pictures, ...) of a caption for the present z, as the widget shows them: clamped to [0, 1].

        Args:
            caption: the present one if None.

        Raises:
            ValueError: for a caption with unknown words, or without words.
        """
        return self._images(torch.tensor(self.z), self.caption if caption is None else caption)

    @torch.no_grad()
    def _images(self, z: Tensor, caption: str) -> Tensor:
        words = self._vocabulary.encode([caption]).expand(len(z), -1)
        device = device_of(self._model)
        images = self._model(z.to(device), words.to(device)).detach().cpu().float().clamp(0, 1)
        if (
            images.ndim not in (3, 4)
            or len(images) != len(z)
            or (images.ndim == 4 and images.shape[1] not in (1, 3))
        ):
            raise ValueError(
                "the model must give images (n, height, width) or (n, 3, height, width), "
                f"got {tuple(images.shape)} for n = {len(z)}"
            )
        return images

    def _answer(self, widget: Any, content: Mapping[str, Any], buffers: Sequence[bytes]) -> None:
        """Draw what the browser asks for; what the model raises is shown there."""
        if content.get("ask") != "pictures":
            return
        z = torch.frombuffer(bytearray(buffers[0]), dtype=torch.float32).view(-1, self._shape[1])
        try:
            images = self._images(z, content["caption"])
        except Exception as problem:
            self.error = "".join(traceback.format_exception_only(problem)).strip()
            self.send({"answer": content["id"], "failed": True})
            return
        self._check_words()
        shape = [1, *images.shape[1:]] if images.ndim == 3 else list(images.shape[1:])
        self.send({"answer": content["id"], "shape": shape}, [images.contiguous().numpy().tobytes()])


def find_latent_dim(model: Any, given: int | None) -> int:
    """The number of dimensions of z that the model or the argument tells."""
    told = getattr(model, "latent_dim", None)
    if given is None and told is None:
        raise ValueError("latent_dim must be given where the model does not tell it")
    d = check_count(told if given is None else given, "latent_dim")
    if told is not None and d != told:
        raise ValueError(f"latent_dim must be that of the model, {told}, got {d}")
    if d > MAX_DIM:
        raise ValueError(f"latent_dim must be at most {MAX_DIM}, got {d}")
    return d


def read_generator(
    model: Any, vocabulary: Vocabulary
) -> tuple[ReadNetwork | None, dict[str, Any], np.ndarray]:
    """The layers, the reader of words and its numbers, if the browser knows them all; else None and nothing.

    Raises:
        ValueError: if the vocabulary has not the number of words that the model reads.
    """
    nothing: tuple[None, dict[str, Any], np.ndarray] = None, {}, np.zeros(0, np.float32)
    if type(model) is not ConditionalGenerator or not isinstance(model.network, nn.Sequential):
        return nothing
    condition: Any = model.condition
    if type(condition) not in (WordGRU, BagOfWords):
        return nothing
    n_words, embedding_dim = condition.words.weight.shape
    if n_words != len(vocabulary):
        raise ValueError(
            f"vocabulary must be the one that the model was made for, of {n_words - 1} words, got "
            f"{len(vocabulary) - 1} words"
        )
    try:
        network = read_network(fold_batch_norm(model.network))
    except ValueError:  # a batch norm that cannot be folded
        return nothing
    if network is None:
        return nothing
    parts = [condition.words.weight]
    if isinstance(condition, WordGRU):
        gru = condition.gru
        parts += [gru.weight_ih_l0, gru.weight_hh_l0, gru.bias_ih_l0, gru.bias_hh_l0]
    kind = "gru" if isinstance(condition, WordGRU) else "bag"
    reader = {"kind": kind, "n_words": n_words, "embedding_dim": embedding_dim, "dim": condition.dim}
    numbers = torch.cat([part.detach().float().flatten().cpu() for part in parts]).numpy()
    return network, reader, numbers
