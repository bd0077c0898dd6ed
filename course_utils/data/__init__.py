"""The course's data, never a download: bundled, drawn, or the learner's own; all as named tuples of tensors."""

from course_utils.data.creature_attributes import CREATURE_ATTRIBUTES
from course_utils.data.creature_captions import caption_creatures, creature_vocabulary
from course_utils.data.creature_set import Creatures, OutlinedCreatures, creatures, outlined_creatures
from course_utils.data.expressions import (
    EXPRESSION_TOKENS,
    Expressions,
    drawn_expressions,
    expression_texts,
    expression_tokens,
    is_expression,
    valid_expressions,
)
from course_utils.data.files import DataFileError
from course_utils.data.folder import ImageFolder, load_image_folder
from course_utils.data.junction import JunctionFilms, junction_films
from course_utils.data.letters import LETTERS, Letters, drawn_letters
from course_utils.data.loaders import (
    Images,
    LabelledPoints,
    Points,
    load_digits,
    load_iris,
    load_mnist,
    load_old_faithful,
)
from course_utils.data.moons import MoonPhases, moon_phases
from course_utils.data.pixels import binarize
from course_utils.data.tones import TONE_PITCHES, TONE_RATE, Tones, drawn_tones
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
from course_utils.data.vocabulary import Vocabulary

__all__ = [
    "CREATURE_ATTRIBUTES",
    "EXPRESSION_TOKENS",
    "LETTERS",
    "TONE_PITCHES",
    "TONE_RATE",
    "Clusters",
    "Creatures",
    "Curves",
    "DataFileError",
    "Expressions",
    "ImageFolder",
    "Images",
    "JunctionFilms",
    "LabelledPoints",
    "Letters",
    "MoonPhases",
    "OutlinedCreatures",
    "Points",
    "SwissRoll",
    "Tones",
    "Vocabulary",
    "binarize",
    "caption_creatures",
    "creature_vocabulary",
    "creatures",
    "drawn_expressions",
    "drawn_letters",
    "drawn_tones",
    "expression_texts",
    "expression_tokens",
    "gaussian_grid",
    "gaussian_ring",
    "is_expression",
    "junction_films",
    "load_digits",
    "load_image_folder",
    "load_iris",
    "load_mnist",
    "load_old_faithful",
    "moon_phases",
    "moons_and_ring",
    "outlined_creatures",
    "spiral",
    "swiss_roll",
    "two_moons",
    "valid_expressions",
]
