"""Measures of what a model makes: judges that read images, distances to known pictures, labels of nearest codes."""

from course_utils.metrics.coverage import ModeCoverage, mode_coverage
from course_utils.metrics.judges import AttributeJudge, Judge, judge
from course_utils.metrics.nearest import Explained, NearestImages, explained_by_nearest, nearest_images
from course_utils.metrics.neighbours import nearest_label_accuracy

__all__ = [
    "AttributeJudge",
    "Explained",
    "Judge",
    "ModeCoverage",
    "NearestImages",
    "explained_by_nearest",
    "judge",
    "mode_coverage",
    "nearest_images",
    "nearest_label_accuracy",
]
