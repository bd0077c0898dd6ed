"""Measures of what a model makes: a judge that reads digits, distances to known pictures, labels of nearest codes."""

from course_utils.metrics.judges import Judge, judge
from course_utils.metrics.nearest import NearestImages, nearest_images
from course_utils.metrics.neighbours import nearest_label_accuracy

__all__ = ["Judge", "NearestImages", "judge", "nearest_images", "nearest_label_accuracy"]
