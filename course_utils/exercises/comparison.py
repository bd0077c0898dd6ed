"""Running an answer on cases, comparing it with the reference, and saying how it differs."""

import copy
import functools
import inspect
import numbers
import re
import traceback
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

__all__ = ["NotAttempted", "Outcome", "Tolerance", "changes_inputs", "explain", "gradients_of", "run", "same"]


class NotAttempted(Exception):
    """The function still returns (or works with) the `...` of its stub."""


class Tolerance(NamedTuple):
    """Numbers a and b are equal if |a - b| <= absolute + relative·|b|."""

    relative: float
    absolute: float


class Outcome(NamedTuple):
    """What one call gave: a value (its numbers as float64 tensors) or an error."""

    value: Any = None
    error: Exception | None = None
    returned: Any = ...  # what the function itself gave (`observe` may have made the value of it), if it did
    changed: bool = False  # an input was changed in place


class _Unequal(Exception):
    """The difference between two values, in words."""


def run(function: Callable[..., Any], case: tuple[Any, ...], observe: Callable[..., Any] | None) -> Outcome:
    """Call `function` on copies of the case's arguments, with PyTorch's global generator at a fixed seed.

    Raises:
        NotAttempted: if the function returns `...`, or fails because a `...` is left in it.
    """
    returned: Any = ...

    @functools.wraps(function)
    def watched(*args: Any, **kwargs: Any) -> Any:
        nonlocal returned
        returned = ...
        returned = function(*args, **kwargs)
        if returned is ... or (isinstance(returned, tuple | list) and any(part is ... for part in returned)):
            raise NotAttempted
        return returned

    arguments = copy.deepcopy(case)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            value = observe(watched, *arguments) if observe else watched(*arguments)
        outcome = Outcome(_numbers(value), returned=returned)
    except NotAttempted:
        raise
    except Exception as error:
        if re.search("'ellipsis'|not ellipsis", str(error)):
            raise NotAttempted from error
        outcome = Outcome(error=error, returned=returned)
    before, after = list(_tensors(case)), list(_tensors(arguments))
    return outcome._replace(changed=not all(map(_identical, before, after)))


def _numbers(value: Any) -> Any:
    """`value` with every number, array and tensor in it as a float64 tensor, and lists as tuples."""
    if isinstance(value, Tensor):
        return value.detach().cpu().to(torch.float64, copy=True)
    if isinstance(value, numbers.Real | np.ndarray | np.generic):
        return torch.tensor(np.array(value), dtype=torch.float64)  # a copy: PyTorch knows no negative strides
    if isinstance(value, tuple | list):
        parts = [_numbers(part) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    if isinstance(value, dict):
        return {key: _numbers(part) for key, part in value.items()}
    return value


def _tensors(value: Any) -> Iterator[Any]:
    """All tensors and arrays in nested tuples, lists and dicts."""
    if isinstance(value, Tensor | np.ndarray):
        yield value
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))
    elif isinstance(value, tuple | list):
        for part in value:
            yield from _tensors(part)


def _identical(a: Any, b: Any) -> bool:
    a, b = torch.as_tensor(a), torch.as_tensor(b)
    return a.shape == b.shape and torch.allclose(a, b, rtol=0, atol=0, equal_nan=a.is_floating_point())


def _pairs(got: Any, expected: Any, label: str = "the result") -> Iterator[tuple[str, Tensor, Tensor]]:
    """Label, got and expected, tensor by tensor; raises `_Unequal` where there is no counterpart."""
    if isinstance(expected, Tensor):
        if isinstance(got, tuple) and all(
            isinstance(p, Tensor) and p.shape == expected.shape[1:] for p in got
        ):
            got = torch.stack(got) if got else torch.empty(0, dtype=torch.float64)  # a list of rows
        if not isinstance(got, Tensor):
            raise _Unequal(f"{label} is {_kind(got)}, expected {_kind(expected)}")
        if got.shape != expected.shape:
            raise _Unequal(f"{label} has shape {tuple(got.shape)}, expected {tuple(expected.shape)}")
        yield label, got, expected
    elif isinstance(expected, tuple):
        if not isinstance(got, tuple) or len(got) != len(expected):
            raise _Unequal(f"{label} is {_kind(got)}, expected {_kind(expected)}")
        names = getattr(expected, "_fields", [f"value {i}" for i in range(1, len(expected) + 1)])
        for name, got_part, expected_part in zip(names, got, expected, strict=True):
            yield from _pairs(got_part, expected_part, f"`{name}`" if hasattr(expected, name) else name)
    elif isinstance(expected, dict):
        if not isinstance(got, dict) or set(got) != set(expected):
            raise _Unequal(f"{label} is {_kind(got)}, expected {_kind(expected)}")
        for key, part in expected.items():
            yield from _pairs(got[key], part, f"[{key!r}]")
    elif got != expected:
        raise _Unequal(f"{label} is {got!r}, expected {expected!r}")


def _kind(value: Any) -> str:
    """What `value` is, in words."""
    if isinstance(value, Tensor):
        return "a number" if value.ndim == 0 else f"one tensor of shape {tuple(value.shape)}"
    if isinstance(value, tuple):
        fields = getattr(value, "_fields", ())
        return f"{len(value)} values" + (f" ({', '.join(fields)})" if fields else "")
    if isinstance(value, dict):
        return f"a dict with the keys {', '.join(map(repr, value))}"
    return "None" if value is None else f"of type {type(value).__name__}"


def _close(got: Tensor, expected: Tensor, tolerance: Tolerance) -> Tensor:
    return torch.isclose(got, expected, rtol=tolerance.relative, atol=tolerance.absolute, equal_nan=True)


def same(a: Outcome, b: Outcome, tolerance: Tolerance) -> bool:
    """Whether two calls gave the same: equal values of the same shapes, or errors of the same type."""
    if a.error or b.error:
        return type(a.error) is type(b.error)
    try:
        return all(
            bool(_close(got, expected, tolerance).all()) for _, got, expected in _pairs(a.value, b.value)
        )
    except _Unequal:
        return False


def changes_inputs(outcomes: Sequence[Outcome]) -> bool:
    """Whether an input was changed in place in any of the calls."""
    return any(outcome.changed for outcome in outcomes)


def explain(
    function: Callable[..., Any],
    outcomes: Sequence[Outcome],
    expected: Sequence[Outcome],
    cases: Sequence[str],
    tolerance: Tolerance,
) -> str:
    """Say how the outcomes differ from those expected: the most telling difference first.

    Args:
        function: the learner's, to find the line that failed.
        outcomes: what it gave, one per case.
        expected: what the reference gave.
        cases: each case in words.
        tolerance: what counts as equal.
    """
    pairs: dict[str, list[tuple[str, Tensor, Tensor]]] = {}  # by label: (case, got, expected)
    for case, outcome, right in zip(cases, outcomes, expected, strict=True):
        if outcome.returned is None and right.returned is not None:
            return "It returned None: is there a `return` at the end?"
        if outcome.error:
            return f"{_failure(function, outcome)} (on {case})"
        try:
            for label, got, wanted in _pairs(outcome.value, right.value):
                pairs.setdefault(label, []).append((case, got, wanted))
        except _Unequal as difference:
            return f"On {case}: {difference}."

    for label, entries in pairs.items():
        for case, got, wanted in entries:
            if not (bad := ~got.isfinite() & wanted.isfinite()).any():
                continue
            kind = "NaN" if got[bad].isnan().any() else "infinity"
            return f"On {case}: {label} contains {kind} in {int(bad.sum())} of {_entries(got)}."
    n_right = sum(same(a, b, tolerance) for a, b in zip(outcomes, expected, strict=True))
    score = f" (Right on {n_right} of {len(cases)} cases.)" if n_right else ""
    for label, entries in pairs.items():
        got = torch.cat([got.flatten() for _, got, _ in entries])
        wanted = torch.cat([wanted.flatten() for _, _, wanted in entries])
        if _close(got, wanted, tolerance).all():
            continue
        if constant := _constant(got, wanted, tolerance):
            return f"{label[0].upper()}{label[1:]} is {constant}.{score}"
        for case, got, wanted in entries:
            if (wrong := ~_close(got, wanted, tolerance)).any():
                index = tuple(wrong.nonzero()[0].tolist())
                where = f" at index [{', '.join(map(str, index))}]" if index else ""
                share = f"; {int(wrong.sum())} of {_entries(got)} differ" if got.numel() > 1 else ""
                numbers = f"{got[index].item():.6g}, expected {wanted[index].item():.6g}"
                return f"On {case}: {label}{where} is {numbers}{share}.{score}"
    raise AssertionError("explain() was called on equal outcomes")


def _entries(x: Tensor) -> str:
    return f"{x.numel()} entr{'y' if x.numel() == 1 else 'ies'}"


def _failure(function: Callable[..., Any], outcome: Outcome) -> str:
    """An error in words, with the learner's line."""
    error = f"{type(outcome.error).__name__}: {outcome.error}"
    code = getattr(inspect.unwrap(function), "__code__", None)
    frames = traceback.extract_tb(outcome.error.__traceback__ if outcome.error else None)
    own = [frame for frame in frames if code and frame.filename == code.co_filename]
    if outcome.returned is not ...:
        return f"What it returned ({type(outcome.returned).__name__}) could not be used: {error}"
    if not own and isinstance(outcome.error, TypeError):
        return f"It could not be called: {error}"
    if not own:
        return f"It raised {error}"
    return f"It raised {error}, at the line `{own[-1].line}`"


def _constant(got: Tensor, expected: Tensor, tolerance: Tolerance) -> str:
    """A factor or an offset that explains all of the difference, in words, or "" if there is none."""
    if expected.numel() < 2 or not (got.isfinite() & expected.isfinite()).all():
        return ""
    if not got.any():
        return "zero everywhere"
    if (expected.abs() > tolerance.absolute).sum() >= 2:
        factor = ((got * expected).sum() / expected.square().sum()).item()
        scaled = Tolerance(tolerance.relative, tolerance.absolute * max(1.0, abs(factor)))
        if factor and _close(got, factor * expected, scaled).all():
            return _times(factor, tolerance.relative)
    offset = (got - expected).mean().item()
    if _close(got, expected + offset, tolerance).all():
        return f"{abs(offset):.6g} too {'large' if offset > 0 else 'small'} everywhere"
    return ""


def _times(factor: float, relative: float) -> str:
    """A wrong constant factor in words."""
    simple = Fraction(factor).limit_denominator(12)
    if abs(simple - factor) > min(relative, 1e-5) * abs(factor):
        return f"{factor:.6g} times the right value everywhere: a constant factor is wrong"
    if simple == -1:
        return "the right value with the opposite sign, everywhere"
    number = f"{factor:g}" if len(f"{float(simple):g}") < 6 else str(simple)
    words = {Fraction(2): "twice", Fraction(1, 2): "half"}.get(simple, f"{number} times")
    return f"exactly {words} the right value everywhere"


def gradients_of(value: Any, *inputs: Tensor) -> list[Tensor]:
    """The gradient of the sum of `value` to each input, zeros where there is none."""
    if not isinstance(value, Tensor) or not value.requires_grad:
        return [torch.zeros_like(x) for x in inputs]
    return list(torch.autograd.grad(value.sum(), inputs, retain_graph=True, materialize_grads=True))
