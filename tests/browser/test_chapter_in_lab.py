"""A whole chapter in JupyterLab, as a learner runs it."""

import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_cell_of_chapter_1_ends_without_error(lab, open_notebook):
    name = "01_gaussian_mixtures_and_em.ipynb"
    shutil.copy(ROOT / "notebooks" / name, lab.folder / name)
    opened = open_notebook(name)
    cells = opened.run_all()
    assert [cell["count"] for cell in cells] == list(range(1, len(cells) + 1))
    errors = [output for cell in cells for output in cell["outputs"] if output.startswith("error")]
    assert not errors
    assert not opened.complaints
