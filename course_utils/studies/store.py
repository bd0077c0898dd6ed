"""Results of a study: a JSON file that grows by one entry at a time, so that nothing is computed twice."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["CHECKPOINTS", "FOLDER", "Store"]

FOLDER = Path(__file__).parent / "files"
CHECKPOINTS = Path("checkpoints") / "studies"


class Store:
    """The results of one study, by name.

    Args:
        path: the JSON file; made at the first entry.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, Any]:
        """Everything that is stored; empty if there is nothing."""
        return json.loads(self.path.read_text(encoding="utf-8")) if self.path.exists() else {}

    def get(self, name: str, compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The entry of that name; what is missing is computed and stored, whole or not at all."""
        if name not in self.read():
            entry = compute()
            everything = self.read() | {name: entry}
            self.path.parent.mkdir(parents=True, exist_ok=True)
            beside = self.path.with_suffix(f".{os.getpid()}.tmp")
            beside.write_text(json.dumps(everything, indent=1) + "\n", encoding="utf-8")
            os.replace(beside, self.path)
        return self.read()[name]
