"""Exercises with checkers, one module per chapter: `from course_utils.exercises import ch01`.

In a notebook: `ch01.kl.check(my_kl)`, `ch01.kl.hint()`, `ch01.kl.solution()`.
"""

from course_utils.exercises.exercise import Choice, Exercise, Mistake, Question, Result

__all__ = ["Choice", "Exercise", "Mistake", "Question", "Result"]
