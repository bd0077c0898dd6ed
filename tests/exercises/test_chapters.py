"""The exercises of every chapter: solutions pass, stubs wait, each known mistake gets its own message."""

import importlib
from pathlib import Path

import pytest

import course_utils.exercises

CHAPTERS = sorted(path.stem for path in Path(course_utils.exercises.__file__).parent.glob("ch[0-9][0-9].py"))
MODULES = {chapter: importlib.import_module(f"course_utils.exercises.{chapter}") for chapter in CHAPTERS}
EXERCISES = [exercise for module in MODULES.values() for exercise in module.all_exercises]
QUESTIONS = [question for module in MODULES.values() for question in module.questions]


def by_name(things):
    return pytest.mark.parametrize("thing", things, ids=lambda thing: thing.full_name)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_has_exercises_under_their_names(chapter):
    module = MODULES[chapter]
    assert len(module.all_exercises) >= 5
    for thing in [*module.all_exercises, *module.questions]:
        assert getattr(module, thing.name) is thing
        assert thing.full_name == f"{chapter}.{thing.name}"
        assert thing.name in module.__all__
    names = [thing.name for thing in [*module.all_exercises, *module.questions]]
    assert len(set(names)) == len(names)


@by_name(EXERCISES)
def test_the_solution_passes(thing):
    result = thing.check(thing.reference)
    assert result.status == "passed", result
    assert len(thing.cases) >= 2
    assert "def " in thing.solution()


@by_name(EXERCISES)
def test_a_stub_is_not_attempted(thing):
    for stub in [..., lambda *arguments, **options: ...]:
        result = thing.check(stub)
        assert result.status == "not attempted"
        assert f"{thing.full_name}.hint()" in result.message


@by_name(EXERCISES)
def test_every_known_mistake_is_refused_with_its_own_message(thing):
    messages = thing.mistake_messages
    assert len(messages) >= 3
    assert len(set(messages.values())) == len(messages)
    assert all(len(message) >= 20 for message in messages.values())
    for name, function in thing.known_mistakes.items():
        result = thing.check(function)
        assert (result.status, result.message) == ("failed", messages[name]), name


@by_name(EXERCISES)
def test_texts_are_there(thing):
    assert thing.task.strip()
    assert len(thing.hints) >= 2
    assert all(hint.strip() for hint in thing.hints)
    assert len(set(thing.hints)) == len(thing.hints)


@by_name(QUESTIONS)
def test_a_question_has_one_right_choice_and_a_reason_for_each(thing):
    choices = thing.choices.values()
    assert len(choices) >= 3
    assert sum(choice.right for choice in choices) == 1
    assert all(choice.text.strip() and len(choice.reason) >= 20 for choice in choices)
    assert len({choice.reason for choice in choices}) == len(choices)
    for letter, choice in thing.choices.items():
        result = thing.answer(letter)
        assert result.status == ("passed" if choice.right else "failed")
        assert choice.reason in result.message
    assert thing.answer(...).status == "not attempted"
