"""The mechanism of the exercises: a check that names the mistake, hints, a solution, and questions."""

import functools
import inspect
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from course_utils.exercises.comparison import (
    NotAttempted,
    Outcome,
    Tolerance,
    changes_inputs,
    explain,
    run,
    same,
)

__all__ = ["Choice", "Exercise", "Mistake", "Question", "Result", "seeded", "with_names"]

_WIDTH = 100  # characters per line of a result


def seeded(*shape: int, seed: int = 0) -> Tensor:
    """Numbers from N(0, 1) for the cases of an exercise, the same at every call."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def with_names(names: type) -> Callable[..., Any]:
    """An `observe` that names the parts of the tuple that a function returns, for the messages."""

    def observe(function: Callable[..., Any], *case: Any) -> Any:
        answer = function(*case)
        fits = isinstance(answer, tuple | list) and len(answer) == len(names.__annotations__)
        return names(*answer) if fits else answer

    return observe


@dataclass(frozen=True, repr=False)
class Result:
    """The verdict on an answer; as the last line of a cell it shows itself."""

    status: Literal["passed", "failed", "not attempted"]
    message: str

    def __repr__(self) -> str:
        mark = {"passed": "✓", "failed": "✗", "not attempted": "○"}[self.status]
        return textwrap.fill(
            f"{mark} {self.message}",
            _WIDTH,
            subsequent_indent="  ",
            break_long_words=False,
            break_on_hyphens=False,
        )


class Text(str):
    """A string that a notebook shows as Markdown, and a terminal without quotes."""

    __repr__ = str.__str__

    def _repr_markdown_(self) -> str:
        return str(self)


class Code(Text):
    """Python source that a notebook shows highlighted."""

    def _repr_markdown_(self) -> str:
        return f"```python\n{self}\n```"


class Mistake(NamedTuple):
    """A function that makes a well-known mistake, and what to tell the learner who makes it."""

    function: Callable[..., Any]
    message: str


class Exercise:
    """A function for the learner to write, with all that is needed to check it and to help.

    The check runs the learner's function and the reference on the same cases. An answer that differs is
    compared with the known mistakes: the one that gives the same wrong numbers has the message.

    Args:
        name: the variable that holds it in the chapter's module.
        chapter: that module's name, such as "ch01".
        task: what to write, in Markdown.
        reference: the right answer, a `def` whose source is the solution.
        cases: tuples of arguments, or a function without arguments that makes them, called at the first
            check. Every call gets copies of them.
        mistakes: name to (function, message). A mistake is recognised if it agrees on every case.
        hints: the first one points the way, the last one nearly gives it away.
        observe: for a random function, or one that returns functions: `observe(function, *case)` gives the
            tensors to compare, such as the moments of many draws. PyTorch's global generator starts from
            the same seed each time.
        rtol: relative tolerance of the comparison.
        atol: absolute tolerance of the comparison.
    """

    def __init__(
        self,
        name: str,
        *,
        chapter: str,
        task: str,
        reference: Callable[..., Any],
        cases: Sequence[tuple[Any, ...]] | Callable[[], Sequence[tuple[Any, ...]]],
        mistakes: Mapping[str, tuple[Callable[..., Any], str]],
        hints: Sequence[str],
        observe: Callable[..., Any] | None = None,
        rtol: float = 1e-4,
        atol: float = 1e-6,
    ) -> None:
        if not name.isidentifier():
            raise ValueError(f"name must be the name of a variable, got {name!r}")
        if isinstance(hints, str) or not hints:
            raise ValueError(f"{name}: hints must be a list of at least one text")
        self.name = name
        self.full_name = f"{chapter}.{name}"
        self.task = task
        self.reference = reference
        self.hints = tuple(hints)
        self._cases = cases
        self._mistakes = {key: Mistake(*mistake) for key, mistake in mistakes.items()}
        self._observe = observe
        self._tolerance = Tolerance(rtol, atol)
        self._n_hints_shown = 0

    def __repr__(self) -> str:
        return f"{self.full_name}: {self.task}"

    def _repr_markdown_(self) -> str:
        return self.task

    @functools.cached_property
    def cases(self) -> list[tuple[Any, ...]]:
        """The argument tuples that an answer is tried on."""
        return list(self._cases() if callable(self._cases) else self._cases)

    @property
    def known_mistakes(self) -> dict[str, Callable[..., Any]]:
        """The functions that make a known mistake, by name."""
        return {name: mistake.function for name, mistake in self._mistakes.items()}

    @property
    def mistake_messages(self) -> dict[str, str]:
        """What `check` says to each known mistake, by name."""
        return {name: mistake.message for name, mistake in self._mistakes.items()}

    def check(self, function: Callable[..., Any]) -> Result:
        """Try `function` on all cases; the result says "passed", or what is wrong, or "not attempted"."""
        not_attempted = Result("not attempted", f"not attempted yet. Stuck? {self.full_name}.hint()")
        if function is ...:
            return not_attempted
        if not callable(function):
            got = type(function).__name__
            call = f"{self.full_name}.check(my_{self.name})"
            return Result(
                "failed", f"check takes the function itself, without calling it: {call}; got {got}."
            )
        try:
            outcomes = self._run(function)
        except NotAttempted:
            return not_attempted
        wrong = not self._agree(outcomes, self._expected)
        if not wrong and not changes_inputs(outcomes):
            n = len(self.cases)
            return Result("passed", f"right on {'the case' if n == 1 else f'all {n} cases'} tried.")
        for mistake, known in self._known:
            if self._agree(outcomes, known) and (wrong or changes_inputs(known)):
                return Result("failed", mistake.message + self._note(outcomes, known))
        if not wrong:
            return Result("failed", "The values are right." + self._note(outcomes, self._expected))
        cases = [self._describe(i) for i in range(len(self.cases))]
        message = explain(function, outcomes, self._expected, cases, self._tolerance)
        return Result("failed", message + self._note(outcomes, self._expected))

    def hint(self) -> Text:
        """The next hint; after the last one, the last one again."""
        number = self._n_hints_shown = min(self._n_hints_shown + 1, len(self.hints))
        text = f"Hint {number} of {len(self.hints)}: {self.hints[number - 1]}"
        if number == len(self.hints):
            text += f"\n\nThat was the last hint; {self.full_name}.solution() shows the solution."
        return Text(text)

    def solution(self) -> Code:
        """The source of the reference."""
        return Code(textwrap.dedent(inspect.getsource(self.reference)).strip())

    def _run(self, function: Callable[..., Any]) -> list[Outcome]:
        return [run(function, case, self._observe) for case in self.cases]

    @functools.cached_property
    def _expected(self) -> list[Outcome]:
        """What the reference gives."""
        outcomes = self._run(self.reference)
        for number, outcome in enumerate(outcomes, 1):
            if outcome.error:
                raise RuntimeError(
                    f"{self.full_name}: the reference fails on case {number}"
                ) from outcome.error
        return outcomes

    @functools.cached_property
    def _known(self) -> list[tuple[Mistake, list[Outcome]]]:
        """The known mistakes with what they give."""
        return [(mistake, self._run(mistake.function)) for mistake in self._mistakes.values()]

    def _agree(self, outcomes: Sequence[Outcome], others: Sequence[Outcome]) -> bool:
        """Same on every case. Errors alone agree too easily, so at least one case must give a value."""
        return any(not outcome.error for outcome in others) and all(
            same(a, b, self._tolerance) for a, b in zip(outcomes, others, strict=True)
        )

    def _note(self, outcomes: Sequence[Outcome], others: Sequence[Outcome]) -> str:
        """What to add if the answer changes its inputs and the others do not."""
        if not changes_inputs(outcomes) or changes_inputs(others):
            return ""
        return " Your function changes its input in place: work on a copy, so that the caller's data stays."

    def _describe(self, index: int) -> str:
        """Case `index` in words, with the arguments if the learner's function gets them as they are."""
        words = f"case {index + 1} of {len(self.cases)}"
        if self._observe:
            return words
        names = inspect.signature(self.reference).parameters
        values = [(name, _brief(value)) for name, value in zip(names, self.cases[index], strict=False)]
        return ", ".join([words, *(f"{name} {value}" for name, value in values if value)])


def _brief(value: Any) -> str:
    """An argument in a few characters, or "" if it has no short form."""
    if isinstance(value, Tensor | np.ndarray) and value.ndim:
        return f"of shape {tuple(value.shape)}"
    if isinstance(value, Tensor | np.generic | np.ndarray):
        value = value.item()
    return f"= {value!r}" if isinstance(value, bool | int | float | str) else ""


class Choice(NamedTuple):
    """One of a question's answers, why it is right or wrong, and whether it is right."""

    text: str
    reason: str
    right: bool = False


class Question:
    """A question with choices, for what cannot be checked as a function.

    Args:
        name: the variable that holds it in the chapter's module.
        chapter: that module's name, such as "ch01".
        text: the question, in Markdown.
        choices: letter to (text, reason, right); one of them is right, each has a reason of its own.
    """

    def __init__(
        self,
        name: str,
        *,
        chapter: str,
        text: str,
        choices: Mapping[str, tuple[str, str] | tuple[str, str, bool]],
    ) -> None:
        self.name = name
        self.full_name = f"{chapter}.{name}"
        self.text = text
        self.choices = {letter: Choice(*choice) for letter, choice in choices.items()}
        if sum(choice.right for choice in self.choices.values()) != 1:
            raise ValueError(f"{self.full_name}: exactly one choice must be right")

    def __repr__(self) -> str:
        return "\n".join([self.text, *(f"  {letter}) {c.text}" for letter, c in self.choices.items())])

    def _repr_markdown_(self) -> str:
        return "\n".join(
            [f"**{self.text}**\n", *(f"- **{letter})** {c.text}" for letter, c in self.choices.items())]
        )

    def answer(self, letter: str) -> Result:
        """Whether the choice is right, and why."""
        letters = ", ".join(self.choices)
        if letter is ...:
            return Result(
                "not attempted", f'not attempted yet: {self.full_name}.answer("?") with one of {letters}'
            )
        key = letter.strip().lower() if isinstance(letter, str) else letter
        choice = self.choices.get(key) if isinstance(key, str) else None
        if choice is None:
            return Result("failed", f"The choices are {letters}, in quotes; got {letter!r}.")
        if choice.right:
            return Result("passed", f"{key}: right. {choice.reason}")
        return Result("failed", f"{key}: no. {choice.reason}")
