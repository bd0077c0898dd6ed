"""Experiments that take too long for a notebook: one file each, one command, and its results stored beside it.

`python -m course_utils.studies.NAME` computes what is not stored yet, and goes on after an interruption.
"""

__all__: list[str] = []  # import the study: `from course_utils.studies import mode_bench`
