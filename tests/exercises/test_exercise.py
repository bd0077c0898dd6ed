"""The mechanism of the exercises, on toys: every kind of answer gets the message that helps."""

import re
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor

from course_utils.exercises import Exercise, Question, Result


class Moments(NamedTuple):
    mean: Tensor
    variance: Tensor


def half_squares(x: Tensor, weights: Tensor) -> Tensor:
    """One value per row: half the weighted sum of squares."""
    return 0.5 * (weights * x.square()).sum(dim=1)


def moments(x: Tensor) -> Moments:
    return Moments(x.mean(0), x.var(0, unbiased=False))


def make_cases():
    generator = torch.Generator().manual_seed(0)
    return [
        (torch.randn(n, d, generator=generator), torch.rand(d, generator=generator))
        for n, d in [(4, 2), (3, 5)]
    ]


def shift_in_place(x, weights):
    x += 1
    return half_squares(x - 1, weights)


@pytest.fixture
def exercise():
    return Exercise(
        "energy",
        chapter="ch99",
        task="Write `energy(x, weights)`.",
        reference=half_squares,
        cases=make_cases,
        mistakes={
            "no half": (
                lambda x, w: (w * x**2).sum(1),
                "Exactly twice the right value: is the factor ½ there?",
            ),
            "mean": (lambda x, w: 0.5 * (w * x**2).mean(1), "Sum over the features, do not average."),
            "weights squared": (
                lambda x, w: 0.5 * (w * x).square().sum(1),
                "The weight goes outside the square.",
            ),
            "wrong sizes": (
                lambda x, w: 0.5 * (w * x**2).sum(1)[:4].reshape(2, -1).sum(0),
                "Two rows per row?",
            ),
            "overflow": (
                lambda x, w: half_squares(x, w) if len(x) == 4 else torch.full((3,), torch.nan),
                "This overflows.",
            ),
        },
        hints=["Start with the squares.", "Then `sum(dim=1)`."],
    )


@pytest.fixture
def named():
    return Exercise(
        "moments",
        chapter="ch99",
        task="Mean and variance.",
        reference=moments,
        cases=[(torch.arange(6.0).reshape(3, 2),), (torch.tensor([[1.0], [4.0]]),)],
        mistakes={},
        hints=["x.mean(0)"],
    )


def failure(exercise, function) -> str:
    result = exercise.check(function)
    assert result.status == "failed", result
    return result.message


def test_the_reference_and_every_equivalent_answer_pass(exercise):
    assert exercise.check(half_squares) == Result("passed", "right on all 2 cases tried.")
    for answer in [
        lambda x, w: ((w * x * x) / 2).sum(-1).double(),
        lambda x, w: half_squares(x, w).numpy(),
        lambda x, w: half_squares(x, w).tolist(),
        lambda x, w: list(half_squares(x, w)),
        lambda x, w: half_squares(x, w).requires_grad_(),
    ]:
        assert exercise.check(answer).status == "passed"


def test_named_tuples_may_be_answered_by_tuples_and_arrays(named):
    assert named.check(lambda x: (x.mean(0), x.var(0, unbiased=False))).status == "passed"
    assert named.check(lambda x: [x.mean(0).numpy(), np.var(x.numpy(), 0)]).status == "passed"
    assert (
        named.check(lambda x: [x.mean(0).numpy()[::-1][::-1], np.var(x.numpy(), 0)[::-1].copy()[::-1]]).status
        == "passed"
    )


def test_known_mistakes_are_named(exercise):
    assert len(exercise.known_mistakes) == 5 == len(exercise.mistake_messages)
    del exercise.known_mistakes["wrong sizes"]  # a copy: nothing happens
    for name in ["no half", "mean", "weights squared", "overflow"]:
        assert failure(exercise, exercise.known_mistakes[name]) == exercise.mistake_messages[name]


def test_a_mistake_that_is_no_mistake_is_never_reported():
    exercise = Exercise(
        "double",
        chapter="ch99",
        task="",
        reference=lambda x: 2 * x,
        cases=[(2.0,)],
        mistakes={"same here": (lambda x: x**2, "This squares."), "crash": (lambda x: x[0], "This indexes.")},
        hints=["."],
    )
    assert exercise.check(lambda x: x * x).status == "passed"
    assert "It raised TypeError" in failure(exercise, lambda x: 3 + x["a"])


def test_a_mistake_with_the_right_values_is_not_taken_for_a_change_in_place():
    exercise = Exercise(
        "shift",
        chapter="ch99",
        task="",
        reference=lambda x: x + 1,
        cases=[(torch.ones(2),)],
        mistakes={"doubled": (lambda x: x * 2, "This doubles.")},
        hints=["."],
    )
    assert failure(exercise, lambda x: x.add_(1)).startswith("The values are right. Your function changes")


@pytest.mark.parametrize(
    "stub",
    [
        ...,
        lambda x, weights: ...,
        lambda x, weights: (x, ...),
        lambda x, weights: ... * x,
        lambda x, weights: torch.exp(...),
        lambda x, weights: (...).sum(),
    ],
)
def test_a_stub_is_not_attempted(exercise, stub):
    result = exercise.check(stub)
    assert result.status == "not attempted"
    assert repr(result) == "○ not attempted yet. Stuck? ch99.energy.hint()"


def test_an_index_with_an_ellipsis_is_an_attempt(exercise):
    assert "IndexError" in failure(exercise, lambda x, weights: x[..., 0, 0, 0])


@pytest.mark.parametrize("value", [torch.ones(3), None, "energy"])
def test_not_a_function(exercise, value):
    message = failure(exercise, value)
    assert "without calling it: ch99.energy.check(my_energy)" in message
    assert type(value).__name__ in message


def test_an_error_names_the_line(exercise):
    def my_energy(x, weights):
        product = x @ weights.reshape(-1, 1, 1)[:, :, 0].T  # mypy: no shapes
        return product

    message = failure(exercise, my_energy)
    assert message.startswith("It raised RuntimeError: ")
    assert "at the line `product = x @ weights.reshape" in message
    assert "case 1 of 2, x of shape (4, 2), weights of shape (2,)" in message


def test_a_wrong_number_of_arguments(exercise):
    message = failure(exercise, lambda x: x)
    assert message.startswith("It could not be called: TypeError:")
    assert "takes 1 positional argument but 2 were given" in message


def test_none(exercise):
    assert failure(exercise, lambda x, w: None) == "It returned None: is there a `return` at the end?"


def test_shapes_must_be_exact(exercise, named):
    message = failure(exercise, lambda x, w: half_squares(x, w).unsqueeze(1))
    assert "the result has shape (4, 1), expected (4,)" in message
    assert "case 1 of 2, x of shape (4, 2)" in message
    assert "`variance` has shape (2, 1), expected (2,)" in failure(
        named, lambda x: (x.mean(0), x.var(0)[:, None])
    )


def test_a_wrong_structure(exercise, named):
    message = failure(named, lambda x: x.mean(0))
    assert "the result is one tensor of shape (2,), expected 2 values (mean, variance)" in message
    assert "is 2 values, expected one tensor of shape (4,)" in failure(exercise, lambda x, w: (x, w))
    assert "is of type str, expected one tensor" in failure(exercise, lambda x, w: "energy")


def test_other_values_and_dicts():
    exercise = Exercise(
        "words",
        chapter="ch99",
        task="",
        reference=lambda n: {"n": n, "name": "a" * n},
        cases=[(1,), (2,)],
        mistakes={},
        hints=["."],
    )
    assert exercise.check(lambda n: {"name": "a" * n, "n": n}).status == "passed"
    assert "On case 2 of 2, n = 2: ['name'] is 'a', expected 'aa'" in failure(
        exercise, lambda n: {"n": n, "name": "a"}
    )
    assert "a dict with the keys 'n', expected a dict with the keys 'n', 'name'" in failure(
        exercise, lambda n: {"n": n}
    )


def test_not_finite(exercise):
    message = failure(exercise, lambda x, w: half_squares(x, w) / (x[:, 0] > 0))
    assert re.search(r"^On case 1 of 2, .*: the result contains (NaN|infinity) in \d of 4 entries.$", message)
    assert "contains NaN in 4 of 4 entries" in failure(
        exercise, lambda x, w: half_squares(x, w) * float("nan")
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda y: y / 2, "The result is exactly half the right value everywhere."),
        (lambda y: 3 * y, "The result is exactly 3 times the right value everywhere."),
        (lambda y: y / 3, "The result is exactly 1/3 times the right value everywhere."),
        (lambda y: -y, "The result is the right value with the opposite sign, everywhere."),
        (lambda y: np.pi * y, "is 3.14159 times the right value everywhere: a constant factor is wrong."),
        (lambda y: 0 * y, "The result is zero everywhere."),
        (lambda y: y + 0.918939, "The result is 0.918939 too large everywhere."),
        (lambda y: y - 1, "The result is 1 too small everywhere."),
    ],
)
def test_a_constant_is_recognised(exercise, change, words):
    assert words in failure(exercise, lambda x, w: change(half_squares(x, w)))


def test_twice_the_variance_of_a_named_tuple(named):
    wrong = failure(named, lambda x: Moments(x.mean(0), 2 * x.var(0, unbiased=False)))
    assert wrong == "`variance` is exactly twice the right value everywhere."


def test_the_first_difference_is_shown(exercise):
    def wrong_in_one_place(x, weights):
        y = half_squares(x, weights)
        return y if len(x) == 4 else y + torch.tensor([0.0, 1.0, 0.0])

    message = failure(exercise, wrong_in_one_place)
    assert re.search(
        r"On case 2 of 2, .*: the result at index \[1\] is [\d.]+, expected [\d.]+; 1 of 3 ", message
    )
    assert message.endswith("(Right on 1 of 2 cases.)")


def test_inputs_are_copies_and_a_change_in_place_is_told(exercise):
    before = [[t.clone() for t in case] for case in exercise.cases]
    message = failure(exercise, shift_in_place)
    assert message.startswith("The values are right. Your function changes its input in place")
    for case, copies in zip(exercise.cases, before, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(case, copies, strict=True))
    message = failure(exercise, lambda x, w: 2 * shift_in_place(x, w))
    assert message.startswith(exercise.mistake_messages["no half"])
    assert "changes its input in place" in message
    assert exercise.check(half_squares).status == "passed"


def test_a_change_in_place_can_be_a_known_mistake():
    exercise = Exercise(
        "shift",
        chapter="ch99",
        task="",
        reference=lambda x: x + 1,
        cases=[(torch.ones(2),)],
        mistakes={"in place": (lambda x: x.add_(1), "`x += 1` changes the caller's x.")},
        hints=["."],
    )
    assert exercise.check(lambda x: x.add_(1)).message == "`x += 1` changes the caller's x."
    assert exercise.check(lambda x: 1 + x).status == "passed"


def observe_moments(function, mean, n):
    draws = function(mean, n)
    return draws.mean(), draws.std()


@pytest.fixture
def sampling():
    def draw(mean, n, generator=None):
        return mean + torch.randn(n, generator=generator)

    return Exercise(
        "draw",
        chapter="ch99",
        task="",
        reference=draw,
        cases=[(0.0, 10_000), (3.0, 10_000)],
        mistakes={"uniform": (lambda mean, n: mean + torch.rand(n), "`rand` is uniform; you want `randn`.")},
        hints=["."],
        observe=observe_moments,
        atol=0.05,
    )


def test_random_answers_are_compared_by_what_is_observed(sampling):
    state = torch.get_rng_state()
    assert sampling.check(lambda mean, n: mean + torch.randn(n).flip(0) * -1).status == "passed"
    assert failure(sampling, lambda mean, n: torch.rand(n) + mean) == "`rand` is uniform; you want `randn`."
    assert "value 2 is exactly twice the right value" in failure(
        sampling, lambda mean, n: mean + 2 * torch.randn(n)
    ).replace("Value", "value")
    assert torch.equal(state, torch.get_rng_state()), "the learner's random numbers go on as before"


def test_the_verdict_does_not_depend_on_the_learners_seed():
    exercise = Exercise(
        "noise",
        chapter="ch99",
        task="",
        reference=lambda n: torch.randn(n),
        cases=[(3,), (4,)],
        mistakes={},
        hints=["."],
    )
    for seed in [1, 2]:
        torch.manual_seed(seed)
        assert exercise.check(lambda n: torch.randn(n)).status == "passed"


def test_observed_stubs_none_and_unusable_values(sampling):
    assert sampling.check(lambda mean, n: ...).status == "not attempted"
    assert "returned None" in failure(sampling, lambda mean, n: None)
    assert failure(sampling, lambda mean, n: (1, 2)).startswith(
        "What it returned (tuple) could not be used: "
    )


def test_generators_in_cases_start_afresh_at_every_call():
    exercise = Exercise(
        "noise",
        chapter="ch99",
        task="",
        reference=lambda g: torch.randn(3, generator=g),
        cases=[(torch.Generator().manual_seed(1),)],
        mistakes={},
        hints=["."],
    )
    assert exercise.check(lambda g: torch.randn(3, generator=g)).status == "passed"
    assert exercise.check(lambda g: torch.randn(3)).status == "failed"


def test_hints_come_one_by_one_and_end_at_the_solution(exercise):
    assert repr(exercise.hint()) == "Hint 1 of 2: Start with the squares."
    last = exercise.hint()
    assert last.startswith("Hint 2 of 2: Then `sum(dim=1)`.")
    assert "ch99.energy.solution()" in last
    assert exercise.hint() == last
    assert last._repr_markdown_() == last


def test_the_solution_is_the_source_of_the_reference(exercise):
    solution = exercise.solution()
    assert repr(solution).startswith("def half_squares(x: Tensor, weights: Tensor) -> Tensor:\n    ")
    assert solution._repr_markdown_() == f"```python\n{solution}\n```"
    assert exercise.reference is half_squares


def test_the_solution_of_a_nested_function_is_dedented(sampling):
    assert sampling.solution().startswith("def draw(mean, n, generator=None):\n    return")


def test_cases_are_made_at_the_first_check_and_once():
    calls = []

    def cases():
        calls.append(1)
        return [(1.0,)]

    exercise = Exercise("f", chapter="ch99", task="", reference=abs, cases=cases, mistakes={}, hints=["."])
    assert not calls
    exercise.check(abs)
    exercise.check(abs)
    assert len(calls) == 1


def test_a_result_shows_as_a_short_block_without_addresses(exercise):
    assert repr(exercise.check(half_squares)) == "✓ right on all 2 cases tried."
    shown = repr(Result("failed", "word " * 60))
    assert shown.startswith("✗ word word")
    assert all(len(line) <= 100 for line in shown.splitlines())
    assert shown.splitlines()[1].startswith("  word")
    for thing in [exercise, exercise.hint(), exercise.solution()]:
        assert " at 0x" not in repr(thing)
    assert repr(exercise) == "ch99.energy: Write `energy(x, weights)`."


def test_bad_definitions_are_refused():
    with pytest.raises(ValueError, match="must be the name of a variable, got 'my energy'"):
        Exercise("my energy", chapter="ch99", task="", reference=abs, cases=[], mistakes={}, hints=["."])
    with pytest.raises(ValueError, match="energy: hints must be a list of at least one text"):
        Exercise("energy", chapter="ch99", task="", reference=abs, cases=[], mistakes={}, hints="one")
    with pytest.raises(ValueError, match=r"ch99\.bound: exactly one choice must be right"):
        Question("bound", chapter="ch99", text="?", choices={"a": ("x", "why")})
    broken = Exercise("f", chapter="ch99", task="", reference=abs, cases=[("x",)], mistakes={}, hints=["."])
    with pytest.raises(RuntimeError, match=r"ch99\.f: the reference fails on case 1"):
        broken.check(abs)


@pytest.fixture
def question():
    return Question(
        "bound",
        chapter="ch99",
        text="Is the ELBO a bound?",
        choices={
            "a": ("From below.", "The gap is a KL.", True),
            "b": ("From above.", "Then the KL would be negative."),
        },
    )


def test_questions(question):
    assert question.answer("a") == Result("passed", "a: right. The gap is a KL.")
    assert question.answer(" B ") == Result("failed", "b: no. Then the KL would be negative.")
    assert question.answer("z").message == "The choices are a, b, in quotes; got 'z'."
    assert question.answer(1).message == "The choices are a, b, in quotes; got 1."
    assert repr(question.answer(...)) == '○ not attempted yet: ch99.bound.answer("?") with one of a, b'


def test_a_question_shows_its_choices_and_not_the_answer(question):
    assert repr(question) == "Is the ELBO a bound?\n  a) From below.\n  b) From above."
    markdown = question._repr_markdown_()
    assert "**Is the ELBO a bound?**\n\n- **a)** From below.\n- **b)** From above." in markdown
    assert "KL" not in markdown
