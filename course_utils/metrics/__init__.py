"""Measures of what a model makes: judges that read images, modes and classes reached, distances to what is real."""

from course_utils.metrics.classes import class_entropy, within_class_distance
from course_utils.metrics.coverage import ModeCoverage, mode_coverage
from course_utils.metrics.divergences import Divergences, gaussian_divergences, grid_divergences
from course_utils.metrics.frechet import FrechetScore, frechet_distance, frechet_of_features, frechet_on_mnist
from course_utils.metrics.judges import AttributeJudge, Judge, judge, real_accuracy_after
from course_utils.metrics.nearest import Explained, NearestImages, explained_by_nearest, nearest_images
from course_utils.metrics.neighbours import nearest_label_accuracy
from course_utils.metrics.pixels import checkerboard
from course_utils.metrics.precision_recall import PrecisionRecall, precision_recall

__all__ = [
    "AttributeJudge",
    "Divergences",
    "Explained",
    "FrechetScore",
    "Judge",
    "ModeCoverage",
    "NearestImages",
    "PrecisionRecall",
    "checkerboard",
    "class_entropy",
    "explained_by_nearest",
    "frechet_distance",
    "frechet_of_features",
    "frechet_on_mnist",
    "gaussian_divergences",
    "grid_divergences",
    "judge",
    "mode_coverage",
    "nearest_images",
    "nearest_label_accuracy",
    "precision_recall",
    "real_accuracy_after",
    "within_class_distance",
]
