"""Copy the course's notebooks into the learner's own folder, never overwriting: `make lab`, `make fresh`."""

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def copy_new(notebooks: Path, workspace: Path) -> list[str]:
    """Copy the notebooks that the workspace does not have; the result is a line for each that is new or newer."""
    workspace.mkdir(parents=True, exist_ok=True)
    lines = []
    for course in sorted(notebooks.glob("*.ipynb")):
        own = workspace / course.name
        copies = [own, *workspace.glob(f"{course.stem}-fresh-*.ipynb")]
        if not own.exists():
            shutil.copyfile(course, own)
            lines.append(f"{course.name}: copied to {workspace.name}/")
        elif version(course) not in map(version, copies):
            command = f"`make fresh NOTEBOOK={number(course)}`"
            lines.append(
                f"{course.name}: yours stays as it is; {command} puts the course's newer version beside it"
            )
    return lines


def copy_fresh(notebooks: Path, workspace: Path, wanted: str) -> Path:
    """Copy one notebook, by number or name, beside the learner's, under a name that is free.

    Raises:
        ValueError: if there is no such notebook; the text lists those that there are.
    """
    every = sorted(notebooks.glob("*.ipynb"))
    found = [path for path in every if wanted in (number(path), path.stem, path.name)]
    if not found:
        known = ", ".join(map(number, every)) or "none yet"
        raise ValueError(f"there is no notebook {wanted!r}; NOTEBOOK= must be one of: {known}")
    workspace.mkdir(parents=True, exist_ok=True)
    target, count = workspace / found[0].name, 1
    while target.exists():
        count += 1
        target = workspace / f"{found[0].stem}-fresh-{count}.ipynb"
    shutil.copyfile(found[0], target)
    return target


def number(path: Path) -> str:
    """The chapter's number, as in its file name."""
    return path.stem.split("_")[0]


def version(path: Path) -> str | None:
    """The hash of the course's source that the notebook was made from; the Lab keeps it when it saves."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))["metadata"]["course"]["source"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def main(
    arguments: Sequence[str] | None = None,
    notebooks: Path = ROOT / "notebooks",
    workspace: Path = ROOT / "workspace",
) -> int:
    """Run the command; 1 if there is no such notebook."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--fresh", metavar="NN", help="a new copy of this notebook beside the old one")
    options = parser.parse_args(arguments)
    try:
        if options.fresh is None:
            lines = copy_new(notebooks, workspace) or [f"{workspace.name}/ has all notebooks"]
        else:
            lines = [
                f"{copy_fresh(notebooks, workspace, options.fresh).name}: a new copy in {workspace.name}/"
            ]
    except ValueError as error:
        print(f"make fresh: {error}", file=sys.stderr)
        return 1
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
