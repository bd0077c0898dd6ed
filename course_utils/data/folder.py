"""The learner's own pictures: a folder of image files as one tensor."""

import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from course_utils.validation import check_count

__all__ = ["ImageFolder", "load_image_folder"]

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
N_NAMED = 5  # at most so many unreadable files are named


class ImageFolder(NamedTuple):
    """Images (n, 3, size, size), or grey (n, size, size), float32 in [0, 1], and the n files they are from."""

    images: Tensor
    paths: list[Path]


def load_image_folder(
    path: str | Path, size: int, *, grey: bool = False, recursive: bool = False
) -> ImageFolder:
    """Load every picture in a folder, in the order of the file names, cut to its central square and resized.

    Pictures are turned as their camera noted (EXIF), and what is transparent becomes white. Files that are no
    pictures by their name are passed over; those that cannot be read are named in one warning.

    Args:
        path: the folder.
        size: height and width of the result, in pixels.
        grey: whether to give one channel, the luma, (n, size, size), instead of red, green and blue.
        recursive: whether to go into the folders inside, too.

    Raises:
        FileNotFoundError, NotADirectoryError: if there is no such folder.
        ValueError: if it has no picture, or none that can be read.
        TypeError: if `size` is no integer.
    """
    size = check_count(size, "size")
    folder = Path(path).expanduser()
    if not folder.exists():
        raise FileNotFoundError(
            f"there is no folder {folder.absolute()}; check its name, or give the whole path"
        )
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file; give the folder it is in, {folder.absolute().parent}")
    files = [file for file in folder.glob("**/*" if recursive else "*") if _is_picture(file)]
    if not files:
        cure = "" if recursive else ", or say recursive=True if they are in folders inside it"
        raise ValueError(f"{folder} has no pictures ({', '.join(SUFFIXES)}); put some there{cure}")
    arrays, paths, unreadable = [], [], []
    for file in sorted(files):
        try:
            arrays.append(_read(file, size, "L" if grey else "RGB"))
            paths.append(file)
        except Exception:  # a damaged file can raise almost anything, depending on its format
            unreadable.append(file.relative_to(folder).as_posix())
    if unreadable:
        names = ", ".join(unreadable[:N_NAMED]) + (", ..." if len(unreadable) > N_NAMED else "")
        message = f"{len(unreadable)} of {len(files)} pictures in {folder} cannot be read: {names}"
        if not paths:
            raise ValueError(f"{message}; open them in a picture viewer, and save them anew as PNG")
        warnings.warn(f"skipped: {message}", stacklevel=2)
    images = torch.from_numpy(np.stack(arrays)).float().div_(255)
    return ImageFolder(images if grey else images.permute(0, 3, 1, 2).contiguous(), paths)


def _is_picture(file: Path) -> bool:
    return file.suffix.lower() in SUFFIXES and not file.name.startswith(".") and file.is_file()


def _read(file: Path, size: int, mode: str) -> np.ndarray:
    """One picture as uint8, (size, size, 3) in mode RGB, (size, size) in mode L."""
    with Image.open(file) as opened:
        image: Image.Image = ImageOps.exif_transpose(opened)
        if image.mode in ("I", "F"):
            raise ValueError("its numbers have no known range")
        if image.mode.startswith("I;16"):  # conversion would cut off at 255 what goes to 65,535
            image = Image.fromarray((np.asarray(image) // 257).astype(np.uint8))
        if image.has_transparency_data:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        left, top = ((length - min(image.size)) // 2 for length in image.size)
        square = image.convert(mode).crop((left, top, left + min(image.size), top + min(image.size)))
        return np.asarray(square.resize((size, size), Image.Resampling.LANCZOS))
