"""The widgets' JavaScript: plain files, joined without a bundler."""

from pathlib import Path

__all__ = ["joined"]


def joined(*names: str) -> str:
    """The text of some of this folder's files, one after the other; the last one exports the widget."""
    return "\n".join(Path(__file__).with_name(name).read_text(encoding="utf-8") for name in names)
