"""The mechanism that every training loop shares, and that stays out of its way.

The body of the loop is plain PyTorch:

    history = History()
    for step in training.steps(1_000, history):
        loss = -elbo(model, next(batches)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.record(loss=loss)

`steps` adds progress, a stop at NaN, a Ctrl-C that keeps everything, and checkpoints.
"""

import contextlib
import copy
import math
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

import torch
from torch import Generator, Tensor, nn

from course_utils.history import History
from course_utils.validation import check_count, check_number

__all__ = [
    "Average",
    "Batches",
    "Checkpoint",
    "CheckpointError",
    "batches",
    "cosine",
    "line",
    "shows_progress",
    "steps",
    "threads",
]


class Stateful(Protocol):
    """What a checkpoint can hold: modules, optimizers, schedulers, `batches`, `Average`."""

    def state_dict(self) -> Any:
        """Return the state."""

    def load_state_dict(self, state_dict: Any, /) -> Any:
        """Take the state over."""


class CheckpointError(RuntimeError):
    """A checkpoint cannot be read, or was made by another training; the message names the file."""


class Checkpoint:
    """Where, how often and what a training saves, so that it can go on later, bit for bit the same.

    Pass everything that the loop changes: `Checkpoint("vae.pt", model=model, optimizer=optimizer,
    batches=batches)`. PyTorch's global random state and the history are always included. The file is written
    beside its place and then moved there, so that it is whole at any time. What an optimizer holds comes back
    too, the learning rate included: delete the file to train anew with other settings.

    Args:
        path: the file; its folder is made if need be.
        every: save after so many steps (and after the last one, and at Ctrl-C).
        objects: by name, anything with `state_dict` and `load_state_dict`, or a `torch.Generator`.

    Attributes:
        seconds: processor time that the steps in the file took, those before a resume included; for one
            thread, the time on a quiet machine.

    Raises:
        TypeError: if an object has no state to save.
        ValueError: if `every` is less than 1, or there is no object.
    """

    def __init__(
        self, path: str | os.PathLike[str], every: int = 500, **objects: Stateful | Generator
    ) -> None:
        self.path = Path(path)
        self.every = check_count(every, "every")
        if not objects:
            raise ValueError(
                "a checkpoint needs what the loop changes, such as model=model, optimizer=optimizer"
            )
        for name, thing in objects.items():
            if not isinstance(thing, Generator) and not (
                hasattr(thing, "state_dict") and hasattr(thing, "load_state_dict")
            ):
                raise TypeError(
                    f"{name} must have state_dict() and load_state_dict(), or be a torch.Generator, "
                    f"got {type(thing).__name__}"
                )
        self._objects = objects
        self._readable = False
        self.seconds = 0.0
        self._clock = time.process_time()

    def save(self, n_done: int, history: History) -> None:
        """Write the state after `n_done` steps; raises TypeError if it could not be read back."""
        now = time.process_time()
        self.seconds, self._clock = self.seconds + now - self._clock, now
        state = {
            "n_done": n_done,
            "seconds": self.seconds,
            "history": history.state_dict(),
            "objects": self._states(),
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_name(f"{self.path.name}.{os.getpid()}.tmp")
        try:
            torch.save(state, beside)
            if not self._readable:  # once: better to fail at the first save than at the resume
                _check_readable(beside)
                self._readable = True
            os.replace(beside, self.path)
        finally:
            beside.unlink(missing_ok=True)

    def load(self, history: History) -> int:
        """Restore everything from the file; return how many steps were done, 0 if there is no file.

        Raises:
            CheckpointError: if the file is damaged or does not fit; then nothing has changed.
        """
        self._clock = time.process_time()
        if not self.path.exists():
            return 0
        before = copy.deepcopy(self._states())
        try:
            state = torch.load(self.path, map_location="cpu", weights_only=True)
            if (saved := set(state["objects"])) != (here := set(self._objects)):
                raise ValueError(f"it holds {', '.join(sorted(saved))}, not {', '.join(sorted(here))}")
            self._load_states(state["objects"])
            n_done, seconds = int(state["n_done"]), float(state["seconds"])
            history.load_state_dict(state["history"])
            torch.set_rng_state(state["random"])
            if state["random_cuda"] and len(state["random_cuda"]) == torch.cuda.device_count():
                torch.cuda.set_rng_state_all(state["random_cuda"])
        except Exception as error:  # a damaged file, another model: they fail in many ways
            self._load_states(before)
            raise CheckpointError(
                f"the checkpoint {self.path} is damaged or of another training ({_first_line(error)}); "
                "delete the file to train from the start"
            ) from error
        self.seconds = seconds
        return n_done

    def _states(self) -> dict[str, Any]:
        return {
            name: thing.get_state() if isinstance(thing, Generator) else thing.state_dict()
            for name, thing in self._objects.items()
        }

    def _load_states(self, states: dict[str, Any]) -> None:
        for name, thing in self._objects.items():
            if isinstance(thing, Generator):
                thing.set_state(states[name])
            else:
                thing.load_state_dict(states[name])


def steps(
    n_steps: int, history: History, *, checkpoint: Checkpoint | None = None, label: str = "training"
) -> Iterator[int]:
    """Count the steps of a training, 0 to n_steps - 1: `for step in training.steps(n_steps, history): ...`.

    - **Progress**: a bar with the values recorded last, if the loop takes over 2 s and `shows_progress()`.
    - **NaN**: if the body recorded one, the loop stops with an error that names step and quantity.
    - **Ctrl-C** (in Jupyter: interrupt the kernel) ends the loop after the present step. Nothing is lost:
      model and history are as that step left them, `history.interrupted` is True, one line says where it
      stopped, and the code after the loop runs. A second Ctrl-C raises KeyboardInterrupt at once.
    - **Checkpoint**: if its file exists, everything in it is restored when the loop starts, which then goes
      on after the last step saved, bit for bit as if never stopped. Draw from `batches` inside the body.

    Args:
        n_steps: number of steps in all, those done before a resume included.
        history: receives the values; `history.record(loss=loss)` knows the step.
        checkpoint: where, how often and what to save.
        label: name of the training, for the bar and the messages.

    Returns:
        An iterator over the steps.

    Raises:
        TypeError, ValueError: if an argument is of the wrong kind.
        FloatingPointError: from the loop, if a NaN was recorded.
        CheckpointError: from the loop's start, if the checkpoint is damaged or does not fit.
    """
    n_steps = check_count(n_steps, "n_steps", minimum=0)
    if not isinstance(history, History):
        raise TypeError(
            f"history must be a History, got {type(history).__name__}; History() makes an empty one"
        )
    if checkpoint is not None and not isinstance(checkpoint, Checkpoint):
        raise TypeError(f"checkpoint must be a training.Checkpoint or None, got {type(checkpoint).__name__}")
    return _steps(n_steps, history, checkpoint, label)


def _steps(n_steps: int, history: History, checkpoint: Checkpoint | None, label: str) -> Iterator[int]:
    n_done = 0 if checkpoint is None else checkpoint.load(history)
    if checkpoint is not None and n_done:
        print(f"{label}: {n_done} of {n_steps} steps were done before, restored from {checkpoint.path}")
    history.interrupted = False
    bar = _progress_bar(n_steps, n_done, label)
    ctrl_c = _CtrlC()
    try:
        with ctrl_c:
            stop = False  # read once a step: a Ctrl-C between the save and the test must not lose the save
            while n_done < n_steps and not stop:
                history.begin_step(n_done)
                yield n_done
                _stop_at_nan(history, n_done, label)
                n_done += 1
                stop = ctrl_c.pressed
                if bar is not None:
                    bar.set_postfix({name: f"{history.last(name):.4g}" for name in history}, refresh=False)
                    bar.update()
                due = n_done == n_steps or stop
                if checkpoint is not None and (due or n_done % checkpoint.every == 0):
                    checkpoint.save(n_done, history)
    finally:
        history.begin_step(None)
        history.interrupted = ctrl_c.pressed and n_done < n_steps
        if bar is not None:
            bar.close()
    if history.interrupted:
        go_on = "" if checkpoint is None else f"; run it again to go on from {checkpoint.path}"
        print(f"{label}: stopped by Ctrl-C after {n_done} of {n_steps} steps, all of them kept{go_on}")


def shows_progress() -> bool:
    """Whether progress bars appear: in a terminal or a Jupyter kernel, unless COURSE_PROGRESS=off is set.

    A kernel cannot tell whether somebody looks on: what executes notebooks without a front end (nbclient,
    nbval) sets the environment variable, so that stored notebooks hold no bars.
    """
    if os.environ.get("COURSE_PROGRESS", "").lower() == "off":
        return False
    if "IPython" in sys.modules and getattr(sys.modules["IPython"].get_ipython(), "kernel", None) is not None:
        return True
    return sys.stderr is not None and sys.stderr.isatty()


def cosine(step: int, n_steps: int) -> float:
    """Share of the learning rate at a step, ½(1 + cos(π·step/n_steps)): from 1 at the first to nearly 0.

    Source: Loshchilov and Hutter (2016), SGDR, equation 5, without restarts.
    """
    return (1 + math.cos(math.pi * step / n_steps)) / 2


def line(done: float, decay_from: float) -> float:
    """Share of the learning rate when a share of the training is done: 1, and from `decay_from` on a line to 0."""
    return min(1.0, (1 - done) / (1 - decay_from)) if decay_from < 1 else 1.0


@contextlib.contextmanager
def threads(number: int) -> Iterator[None]:
    """Let PyTorch compute on so many threads inside `with training.threads(1): ...`, and as before after it.

    On small tensors a second thread costs more than it brings, by far when the machine is busy.

    Raises:
        ValueError: if the number is below 1.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(check_count(number, "number"))
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Batches:
    """An endless iterator over mini-batches; `training.batches` makes it and says how it works.

    Attributes:
        steps_per_epoch: full batches in one pass over the data.
    """

    def __init__(
        self, tensors: tuple[Tensor, ...], size: int, generator: Generator | None, single: bool
    ) -> None:
        self._tensors = tensors
        self._size = size
        self._generator = generator
        self._single = single
        self._order = torch.empty(0, dtype=torch.int64)
        self._position = 0
        self.steps_per_epoch = len(tensors[0]) // size

    def __iter__(self) -> "Batches":
        return self

    def __next__(self) -> Any:
        if self._position + self._size > len(self._order):
            device = "cpu" if self._generator is None else self._generator.device
            self._order = torch.randperm(len(self._tensors[0]), generator=self._generator, device=device)
            self._position = 0
        index = self._order[self._position : self._position + self._size]
        self._position += self._size
        batch = tuple(tensor[index.to(tensor.device)] for tensor in self._tensors)
        return batch[0] if self._single else batch

    def state_dict(self) -> dict[str, Any]:
        """Return the present permutation, the place in it, and the generator's state."""
        state = None if self._generator is None else self._generator.get_state()
        return {"order": self._order, "position": self._position, "generator": state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken; raises ValueError if it was for other data."""
        if len(state["order"]) not in (0, len(self._tensors[0])):
            raise ValueError(f"batches of {len(state['order'])} examples, not of {len(self._tensors[0])}")
        if (state["generator"] is None) != (self._generator is None):
            raise ValueError("batches must have a generator if and only if they had one when saved")
        if self._generator is not None:
            self._generator.set_state(state["generator"])
        self._order = state["order"]
        self._position = state["position"]


def batches(tensors: Tensor | Sequence[Tensor], size: int, *, generator: Generator | None = None) -> Batches:
    """Return an endless iterator over random mini-batches of data in memory: `x = next(batches)`.

    Every epoch goes through a fresh permutation. Its last n mod size examples, too few for a batch, are left
    out of that epoch (other ones in each epoch). The batches are copies.

    Args:
        tensors: one tensor (n, ...), which gives tensors (size, ...); or several of equal length, such as
            images and labels, which give tuples: `images, labels = next(batches)`.
        size: examples per batch, at most n.
        generator: source of the permutations; PyTorch's global one if None.

    Returns:
        The iterator, with `steps_per_epoch`, and `state_dict` and `load_state_dict` for a checkpoint.

    Raises:
        TypeError: if something is no tensor.
        ValueError: if the lengths differ, or the size is not from 1 to n.
    """
    single = isinstance(tensors, Tensor)
    several: tuple[Any, ...] = (tensors,) if single else tuple(tensors)
    if not several or not all(isinstance(tensor, Tensor) and tensor.ndim > 0 for tensor in several):
        came = ", ".join(type(tensor).__name__ for tensor in several) or "nothing"
        raise TypeError(f"tensors must be a tensor (n, ...), or several of equal length, got {came}")
    lengths = [len(tensor) for tensor in several]
    if len(set(lengths)) > 1:
        raise ValueError(f"tensors must have equal lengths, got {', '.join(map(str, lengths))}")
    if check_count(size, "size") > lengths[0]:
        raise ValueError(f"size must be at most the number of examples, {lengths[0]}, got {size}")
    return Batches(several, size, generator, single)


class Average:
    """A moving average of a module's weights, θ̄ ← d·θ̄ + (1 - d)·θ, often better than the last weights.

    The decay warms up, d = min(decay, (1 + t)/(10 + t)) at the update after t others, so that the start is
    soon forgotten. Buffers, such as the running statistics of a batch norm, are copied.

    Args:
        module: the module in training; call `update()` after each optimizer step.
        decay: the final d, at least 0 and less than 1; it averages over about 1/(1 - decay) steps.

    Attributes:
        module: the averaged copy, in evaluation mode, without gradients.

    Raises:
        ValueError: if the decay is out of range.
    """

    def __init__(self, module: nn.Module, decay: float = 0.999) -> None:
        self.decay = check_number(decay, "decay", minimum=0)
        if self.decay >= 1:
            raise ValueError(f"decay must be less than 1, got {decay}; 0.999 averages over about 1,000 steps")
        self.module = copy.deepcopy(module).eval().requires_grad_(False)
        self._averages: list[Tensor] = list(self.module.parameters())
        self._weights: list[Tensor] = list(module.parameters())
        self._source = module
        self._n_updates = 0

    @torch.no_grad()
    def update(self) -> None:
        """Move the average towards the present weights of the module in training."""
        decay = min(self.decay, (1 + self._n_updates) / (10 + self._n_updates))
        torch._foreach_lerp_(self._averages, self._weights, 1 - decay)  # one call for all weights
        for copied, buffer in zip(self.module.buffers(), self._source.buffers(), strict=True):
            copied.copy_(buffer)
        self._n_updates += 1

    def state_dict(self) -> dict[str, Any]:
        """Return the averaged weights and the number of updates, for a checkpoint."""
        return {"module": self.module.state_dict(), "n_updates": self._n_updates}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        self.module.load_state_dict(state["module"])
        self._n_updates = state["n_updates"]


class _CtrlC:
    """While entered, a first Ctrl-C only sets `pressed`; a second raises KeyboardInterrupt.

    Only the main thread can set signal handlers; elsewhere it does nothing.
    """

    def __init__(self) -> None:
        self.pressed = False
        self._previous: Any = None

    def __enter__(self) -> "_CtrlC":
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.getsignal(signal.SIGINT)
            if self._previous is not None:  # None: set by C code, and could not be put back
                signal.signal(signal.SIGINT, self)
        return self

    def __exit__(self, *_: object) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)
        if isinstance(self._previous, _CtrlC):  # a loop within a loop: the outer one stops too
            self._previous.pressed |= self.pressed

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        if self.pressed:
            raise KeyboardInterrupt
        self.pressed = True


def _stop_at_nan(history: History, step: int, label: str) -> None:
    if names := history.nan_names:
        raise FloatingPointError(
            f"{label}: {' and '.join(dict.fromkeys(names))} became NaN in step {step}. "
            "Try a lower learning rate, clip the gradient (torch.nn.utils.clip_grad_norm_), and look for "
            "a log or square root at 0, a division by 0, and NaN in the data"
        )


def _progress_bar(n_steps: int, n_before: int, label: str) -> Any:
    if not shows_progress():
        return None
    from tqdm.auto import tqdm  # here, because in Jupyter it imports the widgets

    return tqdm(total=n_steps, initial=n_before, desc=label, delay=2, leave=False, unit="step")


def _check_readable(path: Path) -> None:
    try:
        torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise TypeError(
            "a checkpoint holds tensors, numbers, strings, lists and dictionaries only, but the state of one "
            f"of its objects holds something else ({_first_line(error)})"
        ) from error


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
