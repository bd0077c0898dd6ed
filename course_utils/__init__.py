"""Building blocks of the course on generative models, by subject: `from course_utils.mixtures import fit_em`."""

__version__ = "0.1.0"
