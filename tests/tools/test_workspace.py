"""The learner's copies: made once, never overwritten, renewed beside the old."""

import json

import pytest

from tools import workspace as tool


def write(path, text, version="v1"):
    path.write_text(json.dumps({"cells": [text], "metadata": {"course": {"source": version}}}))


@pytest.fixture
def folders(tmp_path):
    notebooks, workspace = tmp_path / "notebooks", tmp_path / "workspace"
    (notebooks / "source").mkdir(parents=True)
    (notebooks / ".ipynb_checkpoints").mkdir()
    for name in ["00_start", "01_mixtures"]:
        write(notebooks / f"{name}.ipynb", name)
        (notebooks / "source" / f"{name}.py").write_text("# %%")
    write(notebooks / ".ipynb_checkpoints" / "00_start-checkpoint.ipynb", "old")
    return notebooks, workspace


def run(folders, *arguments):
    return tool.main(list(arguments), *folders)


def test_notebooks_are_copied_and_nothing_else(folders, capsys):
    assert run(folders) == 0
    assert sorted(path.name for path in folders[1].iterdir()) == ["00_start.ipynb", "01_mixtures.ipynb"]
    assert "00_start.ipynb: copied to workspace/\n01_mixtures.ipynb: copied" in capsys.readouterr().out
    assert run(folders) == 0
    assert capsys.readouterr().out == "workspace/ has all notebooks\n"


def test_the_learners_work_is_never_overwritten(folders, capsys):
    run(folders)
    own = folders[1] / "00_start.ipynb"
    write(own, "my own work")
    before = own.read_bytes()
    run(folders)
    assert own.read_bytes() == before
    assert capsys.readouterr().out.endswith("workspace/ has all notebooks\n"), (
        "own work is not an old version"
    )


def test_a_newer_version_is_told_in_a_line_until_it_is_fetched(folders, capsys):
    run(folders)
    write(folders[0] / "01_mixtures.ipynb", "better", version="v2")
    capsys.readouterr()
    run(folders)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("01_mixtures.ipynb: yours stays as it is; `make fresh NOTEBOOK=01` ")
    assert "01_mixtures" in (folders[1] / "01_mixtures.ipynb").read_text()
    assert run(folders, "--fresh", "01") == 0
    capsys.readouterr()
    run(folders)
    assert capsys.readouterr().out == "workspace/ has all notebooks\n"


def test_fresh_copies_get_free_names(folders, capsys):
    for name in ["01_mixtures.ipynb", "01_mixtures-fresh-2.ipynb", "01_mixtures-fresh-3.ipynb"]:
        assert run(folders, "--fresh", "01") == 0
        assert (folders[1] / name).read_bytes() == (folders[0] / "01_mixtures.ipynb").read_bytes()
        assert capsys.readouterr().out == f"{name}: a new copy in workspace/\n"
    assert len(list(folders[1].iterdir())) == 3


@pytest.mark.parametrize("wanted", ["07", "", "mixtures", "1"])
def test_an_unknown_number_lists_the_known_ones(folders, capsys, wanted):
    assert run(folders, "--fresh", wanted) == 1
    error = capsys.readouterr().err
    assert error == f"make fresh: there is no notebook {wanted!r}; NOTEBOOK= must be one of: 00, 01\n"
    assert not folders[1].exists()


def test_a_damaged_copy_is_left_alone(folders, capsys):
    run(folders)
    (folders[1] / "00_start.ipynb").write_text("{ damaged")
    capsys.readouterr()
    assert run(folders) == 0
    assert "00_start.ipynb: yours stays as it is" in capsys.readouterr().out
    assert (folders[1] / "00_start.ipynb").read_text() == "{ damaged"
