"""Widgets to drag and step through; drawn in the browser, computed in Python."""

from course_utils.widgets.em_stepper import EMStepper

__all__ = ["EMStepper"]
