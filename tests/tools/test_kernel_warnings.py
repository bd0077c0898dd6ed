"""The root's conftest.py makes warnings of our own code errors in the kernels of `pytest --nbval-lax`."""

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
CELLS = {
    "fine": "import torch\nfrom course_utils import plots",
    "in_a_cell": "import warnings\nwarnings.warn('from a cell')",
    "deprecated": "import warnings\nwarnings.warn('old', DeprecationWarning)",
    "in_the_package": "import warnings\n"
    "warnings.warn_explicit('x', UserWarning, 'file.py', 1, module='course_utils.plots.show')",
    "elsewhere": "import warnings\nwarnings.warn_explicit('x', UserWarning, 'file.py', 1, module='sklearn.base')",
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """Name to "passed" or "failed", of one run over a notebook with these cells."""
    folder = tmp_path_factory.mktemp("notebooks")
    cells = [nbformat.v4.new_code_cell(code) for code in CELLS.values()]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "scratch.ipynb")
    command = [sys.executable, "-m", "pytest", "-p", "conftest", "-p", "no:cacheprovider", "-c", os.devnull]
    options = ["--nbval-lax", "--nbval-current-env", "-v", "--rootdir", str(folder), str(folder)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
    result = subprocess.run(
        [*command, *options],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.findall(r"::Cell (\d+) (PASSED|FAILED)", result.stdout)
    assert len(found) == len(CELLS), result.stdout + result.stderr
    return {name: found[i][1].lower() for i, name in enumerate(CELLS)}


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("fine", "passed"),
        ("in_a_cell", "failed"),
        ("deprecated", "failed"),
        ("in_the_package", "failed"),
        ("elsewhere", "passed"),
    ],
)
def test_warnings_in_a_kernel(outcomes, cell, expected):
    assert outcomes[cell] == expected
