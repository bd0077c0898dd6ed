"""Settings for the tests and for the kernels that they start."""

import os
from pathlib import Path

import matplotlib

ROOT = Path(__file__).parent
PACKAGE = ROOT / "course_utils"

collect_ignore_glob = ["notebooks/source/*", "workspace/*", "*/.ipynb_checkpoints/*"]


def own_modules() -> list[str]:
    """All modules of the package, and that of a notebook's cells."""
    paths = [path.relative_to(ROOT).with_suffix("") for path in sorted(PACKAGE.rglob("*.py"))]
    return ["__main__", *(".".join(path.parts).removesuffix(".__init__") for path in paths)]


# Warnings raised in our own code are errors in the kernels. PYTHONWARNINGS has no patterns: each module is named.
errors = [f"error:::{module}" for module in own_modules()]
os.environ["PYTHONWARNINGS"] = ",".join(filter(None, [os.environ.get("PYTHONWARNINGS"), *errors]))
os.environ["COURSE_PROGRESS"] = "off"
os.environ.setdefault("PYTHONHASHSEED", "0")
matplotlib.use("agg")  # here, where no window should open; a notebook's kernel chooses for itself
