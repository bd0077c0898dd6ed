"""Make stored weights anew: `python -m course_utils.pretrained NAME`, or `--list`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from course_utils import weights
from course_utils.pretrained.making import CHECKPOINTS, RECIPES, make


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m course_utils.pretrained", description=__doc__)
    parser.add_argument("name", nargs="?", choices=RECIPES, metavar="NAME", help=", ".join(RECIPES))
    parser.add_argument("--list", action="store_true", help="what is stored, with its figures")
    parser.add_argument("--seed", type=int, help="instead of the recipe's")
    parser.add_argument("--steps", type=int, help="instead of the recipe's")
    parser.add_argument("--folder", type=Path, default=weights.FOLDER, help="for weights and card")
    parser.add_argument("--checkpoints", type=Path, default=CHECKPOINTS, help="to go on from")
    given = parser.parse_args(arguments)
    if given.list:
        print("\n".join(line for name in RECIPES for line in _describe(name, given.folder)))
        return 0
    if given.name is None:
        parser.error("give a NAME, or --list")
    card = make(
        given.name, seed=given.seed, n_steps=given.steps, folder=given.folder, checkpoints=given.checkpoints
    )
    if card is None:
        return 130  # what a shell calls an end by Ctrl-C
    print("\n".join(_describe(given.name, given.folder)))
    return 0


def _describe(name: str, folder: Path) -> list[str]:
    if name not in weights.names(folder):
        return [f"{name}: not made yet"]
    card = weights.load_card(name, folder=folder)
    return [
        f"{name}: {card['bytes'] / 1e6:.2f} MB, seed {card['seed']}, {card['seconds']:.0f} s",
        *(f"    {figure}: {value}" for figure, value in card["figures"].items()),
    ]


if __name__ == "__main__":
    sys.exit(main())
