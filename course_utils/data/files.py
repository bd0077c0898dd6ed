"""The bundled files: read whole, and only if their SHA-256 is the expected one."""

import hashlib
from pathlib import Path

from course_utils.validation import check_choice

__all__ = ["FOLDER", "SHA256", "DataFileError", "read"]

FOLDER = Path(__file__).parent / "files"

SHA256 = {
    "mnist.npz": "39b9b1ffaa0ba4d8995a616551f0966941fe02a3fe79ba4a9db7373db16d53ad",
    "old_faithful.csv": "e327615f1e6e3a15a305d9da555044347e7d6cef400dec8d80bab72fb5b5736c",
}


class DataFileError(OSError):
    """A bundled data file is missing or damaged; the message says which one and how to restore it."""


def read(name: str) -> bytes:
    """Return the bytes of a bundled file after checking their SHA-256.

    Args:
        name: one of the keys of `SHA256`.

    Raises:
        ValueError: if no such file is bundled.
        DataFileError: if the file is missing, cannot be read, or is not the one that the course shipped.
    """
    check_choice(name, "name", SHA256)
    path = FOLDER / name
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise _damage(path, "is missing") from error
    except OSError as error:
        raise _damage(path, f"cannot be read ({error.strerror})") from error
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256[name]:
        raise _damage(path, f"is damaged (its SHA-256 is {found})")
    return content


def _damage(path: Path, what: str) -> DataFileError:
    return DataFileError(
        f"the data file {path} {what}; expected SHA-256 {SHA256[path.name]}. "
        f'Restore it with `git checkout -- "{path}"`, or reinstall the package.'
    )
