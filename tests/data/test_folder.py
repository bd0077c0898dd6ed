import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from course_utils.data import load_image_folder

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
ORIENTATION = 0x0112  # the EXIF tag


def plain(colour, size=(8, 8), mode="RGB"):
    return Image.new(mode, size, colour)


def stripes(colours, width=20, height=60):
    """Upright stripes of the same width, from left to right."""
    image = Image.new("RGB", (width * len(colours), height))
    for i, colour in enumerate(colours):
        image.paste(colour, (width * i, 0, width * (i + 1), height))
    return image


def as_ints(images):
    return (images * 255).round().int()


@pytest.fixture(autouse=True)
def no_other_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_shapes_order_and_values(tmp_path):
    plain(BLUE).save(tmp_path / "b.PNG")
    plain(RED, (12, 9)).save(tmp_path / "a.bmp")
    plain((40, 80, 120), (9, 30)).save(tmp_path / "c.webp", lossless=True)
    images, paths = load_image_folder(tmp_path, 16)
    assert images.shape == (3, 3, 16, 16)
    assert images.dtype == torch.float32
    assert images.is_contiguous()
    assert [path.name for path in paths] == ["a.bmp", "b.PNG", "c.webp"]
    for image, colour in zip(as_ints(images), (RED, BLUE, (40, 80, 120)), strict=True):
        assert (image == torch.tensor(colour).view(3, 1, 1)).all()
    assert torch.equal(load_image_folder(str(tmp_path), 16).images, images)


def test_the_central_square(tmp_path):
    stripes((RED, GREEN, BLUE), width=60).save(tmp_path / "wide.png")
    stripes((RED, GREEN, BLUE), width=60).rotate(90, expand=True).save(tmp_path / "high.png")
    images = as_ints(load_image_folder(tmp_path, 6).images)
    assert (images == torch.tensor(GREEN).view(3, 1, 1)).all()


def test_resized_by_averages(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    (image,) = load_image_folder(tmp_path, 4).images
    blocks = torch.from_numpy(noise / 255).view(4, 16, 4, 16, 3).mean((1, 3)).permute(2, 0, 1)
    # Noise of standard deviation 0.29: a mean of 256 pixels has 0.018, a single pixel or 2×2 of them far more.
    assert (image - blocks).abs().max() < 0.1
    plain(RED, (3, 3)).save(tmp_path / "noise.png")
    assert load_image_folder(tmp_path, 10).images.shape == (1, 3, 10, 10)


@pytest.mark.parametrize(
    ("orientation", "corners"),
    [  # which of the stored corners (top left, top right, bottom left, bottom right) are seen there
        (1, "abcd"),
        (2, "badc"),
        (3, "dcba"),
        (4, "cdab"),
        (5, "acbd"),
        (6, "cadb"),
        (7, "dbca"),
        (8, "bdac"),
    ],
)
def test_turned_as_the_camera_noted(tmp_path, orientation, corners):
    colours = {"a": RED, "b": GREEN, "c": BLUE, "d": WHITE}
    stored = Image.new("RGB", (2, 2))
    for place, name in zip([(0, 0), (1, 0), (0, 1), (1, 1)], "abcd", strict=True):
        stored.putpixel(place, colours[name])
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    stored.save(tmp_path / "photo.png", exif=exif)
    (image,) = as_ints(load_image_folder(tmp_path, 2).images)
    seen = [tuple(pixel) for pixel in image.permute(1, 2, 0).reshape(4, 3).tolist()]
    assert seen == [colours[name] for name in corners]


def test_other_kinds_of_pictures(tmp_path):
    plain(128, mode="L").save(tmp_path / "1_grey.png")
    Image.fromarray(np.full((8, 8), 32_896, dtype=np.uint16)).save(tmp_path / "2_deep.png")
    plain((0, 0, 0, 0), mode="RGBA").save(tmp_path / "3_transparent.png")
    plain((255, 0, 0, 51), mode="RGBA").save(tmp_path / "4_rose.png")
    palette = plain(0, mode="P")
    palette.putpalette(GREEN)
    palette.save(tmp_path / "5_palette.gif")
    plain((0, 255, 255, 0), mode="CMYK").save(tmp_path / "6_print.tiff")
    images = as_ints(load_image_folder(tmp_path, 4).images)
    assert (images == images[:, :, :1, :1]).all()
    expected = [(128,) * 3, (128,) * 3, WHITE, (255, 204, 204), GREEN, RED]
    assert [tuple(image[:, 0, 0].tolist()) for image in images] == expected


def test_grey(tmp_path):
    plain(RED).save(tmp_path / "a.png")
    plain(WHITE).save(tmp_path / "b.png")
    images, _ = load_image_folder(tmp_path, 5, grey=True)
    assert images.shape == (2, 5, 5)
    assert images[0].mean().item() == pytest.approx(0.299, abs=1 / 255)  # ITU-R BT.601
    assert images[1].min() == 1


def test_recursive(tmp_path):
    (tmp_path / "m" / "deep").mkdir(parents=True)
    for name in ("z.png", "m/b.png", "m/deep/a.png"):
        plain(RED).save(tmp_path / name)
    assert load_image_folder(tmp_path, 2).paths == [tmp_path / "z.png"]
    paths = load_image_folder(tmp_path, 2, recursive=True).paths
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == ["m/b.png", "m/deep/a.png", "z.png"]


def test_what_is_no_picture_is_passed_over(tmp_path):
    plain(RED).save(tmp_path / "a.png")
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "._a.png").write_bytes(b"macOS puts these beside every file")
    (tmp_path / "folder.png").mkdir()
    assert load_image_folder(tmp_path, 2).paths == [tmp_path / "a.png"]


def damage(folder):
    """One good picture and three that cannot be read: empty, cut off, no picture at all."""
    plain(RED).save(folder / "good.png")
    (folder / "empty.jpg").touch()
    noise = np.random.default_rng(0).integers(0, 256, (50, 50, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "cut.jpg")
    (folder / "cut.jpg").write_bytes((folder / "cut.jpg").read_bytes()[:1000])
    (folder / "text.png").write_text("no picture")


def test_unreadable_files_are_named_once(tmp_path):
    damage(tmp_path)
    with pytest.warns(UserWarning, match="skipped") as caught:
        images, paths = load_image_folder(tmp_path, 4)
    assert len(images) == 1
    assert paths == [tmp_path / "good.png"]
    (warning,) = caught
    assert str(warning.message) == (
        f"skipped: 3 of 4 pictures in {tmp_path} cannot be read: cut.jpg, empty.jpg, text.png"
    )
    assert warning.filename == __file__


def test_many_unreadable_files(tmp_path):
    damage(tmp_path)
    for i in range(9):
        (tmp_path / f"a{i}.png").touch()
    with pytest.warns(
        UserWarning, match=r"12 of 13 pictures .*: a0.png, a1.png, a2.png, a3.png, a4.png, \.\.\.$"
    ):
        load_image_folder(tmp_path, 4)


def test_nothing_readable(tmp_path):
    damage(tmp_path)
    (tmp_path / "good.png").unlink()
    with pytest.raises(
        ValueError, match=r"3 of 3 pictures .*cut.jpg, empty.jpg, text.png; open them in a .*PNG"
    ):
        load_image_folder(tmp_path, 4)


def test_numbers_without_a_range(tmp_path):
    plain(RED).save(tmp_path / "a.png")
    Image.fromarray(np.ones((4, 4), dtype=np.float32)).save(tmp_path / "b.tif")
    with pytest.warns(UserWarning, match=r"1 of 2 pictures .*: b.tif"):
        load_image_folder(tmp_path, 4)


def test_no_pictures(tmp_path):
    with pytest.raises(
        ValueError, match=r"has no pictures \(.bmp, .*, .webp\); put some .*recursive=True"
    ) as error:
        load_image_folder(tmp_path, 4)
    assert str(tmp_path) in str(error.value)
    with pytest.raises(ValueError, match=r"has no pictures .*; put some there$"):
        load_image_folder(tmp_path, 4, recursive=True)


def test_no_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        FileNotFoundError, match=r"there is no folder .*/photos; check its name, or give the whole"
    ):
        load_image_folder("photos", 4)
    plain(RED).save(tmp_path / "a.png")
    with pytest.raises(NotADirectoryError, match=r"a.png is a file; give the folder it is in, /"):
        load_image_folder(tmp_path / "a.png", 4)


def test_bad_size(tmp_path):
    with pytest.raises(ValueError, match=r"size must be at least 1"):
        load_image_folder(tmp_path, 0)
    with pytest.raises(TypeError, match=r"size must be an integer"):
        load_image_folder(tmp_path, (4, 4))
