"""What a training records: named series of numbers, each with the steps they belong to."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch

from course_utils.validation import check_count

__all__ = ["History"]


class _Series(NamedTuple):
    steps: list[int]
    values: list[float]


class History:
    """Named series of numbers: `history.record(loss=loss)` adds to them, `history["loss"]` reads one.

    Inside `for step in training.steps(...)`, values belong to that step; elsewhere each series counts for
    itself. Steps of a series never go back: a second training takes a History of its own.

    Attributes:
        interrupted: whether Ctrl-C ended the training that wrote it.

    >>> import torch
    >>> history = History()
    >>> history.record(loss=2.0)
    >>> history.record(loss=torch.tensor(1.5))
    >>> history["loss"], history.steps("loss"), history.last("loss")
    ([2.0, 1.5], [0, 1], 1.5)
    """

    def __init__(self) -> None:
        self.interrupted = False
        self._series: dict[str, _Series] = {}
        self._step: int | None = None
        self._nan: list[str] = []

    def record(self, step: int | None = None, **values: float | torch.Tensor) -> None:
        """Append one value to each of the series named.

        Args:
            step: the step that the values belong to. By default it is the current one of `training.steps`,
                and outside such a loop one more than the last of that series.
            values: numbers, or tensors of one element, which are detached and stored as floats.

        Raises:
            TypeError: if a value is no number, or the step no integer.
            ValueError: if a tensor holds more than one number, or the step is less than the last of a series.
        """
        if step is not None:
            step = check_count(step, "step", minimum=0)
        numbers = {name: _number(value, name) for name, value in values.items()}
        at = {name: self._next_step(name, step) for name in numbers}
        for name in numbers:  # all or nothing: check every series before any grows
            if at[name] < (last := self._last_step(name)):
                raise ValueError(
                    f"steps of {name!r} must not go back, got {at[name]} after {last}; "
                    "a training that starts anew takes a new History()"
                )
        for name, number in numbers.items():
            series = self._series.setdefault(name, _Series([], []))
            series.steps.append(at[name])
            series.values.append(number)
            if math.isnan(number):
                self._nan.append(name)

    def __getitem__(self, name: str) -> list[float]:
        """Return a copy of the values of one series."""
        return list(self._find(name).values)

    def steps(self, name: str) -> list[int]:
        """Return a copy of the steps of one series, one per value; KeyError if there is no such series."""
        return list(self._find(name).steps)

    def last(self, name: str) -> float:
        """Return the value recorded last in one series; KeyError if there is no such series."""
        return self._find(name).values[-1]

    @property
    def names(self) -> list[str]:
        """The names of all series, in the order in which they were first recorded."""
        return list(self._series)

    def __contains__(self, name: object) -> bool:
        return name in self._series

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self._series)

    def __repr__(self) -> str:
        parts = [
            f"{name}: {len(series.values)} recorded, last {series.values[-1]:.4g}"
            for name, series in self._series.items()
        ]
        return f"History({'; '.join(parts) or 'empty'}{', interrupted' if self.interrupted else ''})"

    def begin_step(self, step: int | None) -> None:
        """Set the step that `record` writes to, None for none; `training.steps` calls this."""
        self._step = step
        self._nan = []

    @property
    def nan_names(self) -> list[str]:
        """The series that recorded a NaN since the current step began."""
        return list(self._nan)

    def state_dict(self) -> dict[str, Any]:
        """Return all series and the mark `interrupted` as plain lists and dictionaries (a copy)."""
        series = {
            name: {"steps": list(s.steps), "values": list(s.values)} for name, s in self._series.items()
        }
        return {"series": series, "interrupted": self.interrupted}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Replace everything recorded by what `state_dict` returned."""
        self._series = {
            name: _Series(list(s["steps"]), list(s["values"])) for name, s in state["series"].items()
        }
        self.interrupted = state["interrupted"]

    def _find(self, name: str) -> _Series:
        if name not in self._series:
            known = ", ".join(self._series) or "nothing yet"
            raise KeyError(f"no series {name!r} in this history; it holds {known}")
        return self._series[name]

    def _last_step(self, name: str) -> int:
        return self._series[name].steps[-1] if name in self._series else -1

    def _next_step(self, name: str, step: int | None) -> int:
        if step is not None:
            return step
        return self._last_step(name) + 1 if self._step is None else self._step


def _number(value: Any, name: str) -> float:
    if isinstance(value, torch.Tensor) and value.numel() != 1:
        raise ValueError(
            f"{name} must be one number to be recorded, got shape {tuple(value.shape)}; record its .mean()"
        )
    try:
        return float(value.item() if isinstance(value, torch.Tensor) else value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number, got {value!r} ({type(value).__name__})") from None
