import shutil

import pytest

from course_utils.data import DataFileError, files, load_mnist, load_old_faithful, loaders


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A copy of the bundled files that a test may damage, with nothing remembered from the true ones."""
    shutil.copytree(files.FOLDER, tmp_path / "files")
    monkeypatch.setattr(files, "FOLDER", tmp_path / "files")
    loaders._load_mnist.cache_clear()
    yield tmp_path / "files"
    loaders._load_mnist.cache_clear()


LOADERS = {"mnist.npz": load_mnist, "old_faithful.csv": load_old_faithful}


def test_every_file_has_a_loader_here():
    assert set(LOADERS) == set(files.SHA256)


@pytest.mark.parametrize("name", LOADERS)
def test_missing_file(folder, name):
    (folder / name).unlink()
    with pytest.raises(DataFileError) as error:
        LOADERS[name]()
    message = str(error.value)
    assert f"{folder / name} is missing" in message
    assert files.SHA256[name] in message
    assert f'git checkout -- "{folder / name}"' in message
    assert "reinstall the package" in message


@pytest.mark.parametrize("name", LOADERS)
def test_one_changed_byte(folder, name):
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(DataFileError) as error:
        LOADERS[name]()
    message = str(error.value)
    assert f"{folder / name} is damaged" in message
    assert files.SHA256[name] in message
    assert files.hashlib.sha256(content).hexdigest() in message
    assert "git checkout" in message


def test_a_folder_in_place_of_the_file(folder):
    (folder / "mnist.npz").unlink()
    (folder / "mnist.npz").mkdir()
    with pytest.raises(DataFileError, match=r"mnist\.npz cannot be read"):
        load_mnist()


def test_unreadable_file_is_an_os_error():
    assert issubclass(DataFileError, OSError)


def test_unknown_name():
    with pytest.raises(ValueError, match=r"name must be one of 'mnist.npz', 'old_faithful.csv', got 'cifar'"):
        files.read("cifar")


def test_the_folder_holds_these_files_and_their_licences():
    bundled = {path.name for path in files.FOLDER.iterdir() if not path.name.startswith(".")}
    assert bundled == {*files.SHA256, "README.md"}
    text = (files.FOLDER / "README.md").read_text(encoding="utf-8")
    assert all(name in text for name in files.SHA256)
    assert "CC BY-SA 3.0" in text
