"""The course's data: bundled sets and seeded toys, all as named tuples of tensors, never a download."""

from course_utils.data.files import DataFileError
from course_utils.data.loaders import (
    Images,
    LabelledPoints,
    Points,
    load_digits,
    load_iris,
    load_mnist,
    load_old_faithful,
)
from course_utils.data.toys import (
    Clusters,
    Curves,
    SwissRoll,
    gaussian_grid,
    gaussian_ring,
    moons_and_ring,
    spiral,
    swiss_roll,
    two_moons,
)

__all__ = [
    "Clusters",
    "Curves",
    "DataFileError",
    "Images",
    "LabelledPoints",
    "Points",
    "SwissRoll",
    "gaussian_grid",
    "gaussian_ring",
    "load_digits",
    "load_iris",
    "load_mnist",
    "load_old_faithful",
    "moons_and_ring",
    "spiral",
    "swiss_roll",
    "two_moons",
]
