"""`make notebooks` on small pairs in a temporary folder: when it executes, what it stores, what it refuses."""

import json
import shutil

import nbformat
import pytest

from tools import notebooks as tool

SOURCE = """\
# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # A title
#
# With $x^2$ and a [link](#A-title).

# %% slideshow={"slide_type": "fragment"} tags=["long"]
import os

from ground import above

print(os.environ["COURSE_PROGRESS"], os.environ["PYTHONHASHSEED"], os.getcwd().endswith("notebooks"))
print("second line")
above.value


# %% slideshow={"slide_type": "-"}
2 + 2

# %% slideshow={"slide_type": "-"}
2 + 2
"""


def make_folder(root):
    """A folder of notebooks beside a package `ground` with modules that the notebook uses and one it does not."""
    (root / "notebooks" / "source").mkdir(parents=True)
    (root / "notebooks" / "source" / "01_toy.py").write_text(SOURCE)
    files = {
        "__init__.py": '"""Ground."""\n',
        "above.py": '"""Above."""\n\nfrom ground.below import base\n\nvalue = base + 1\n',
        "below/__init__.py": 'from .deep import base\n\nTABLE = "table.csv"\n',
        "below/deep.py": "base = 41\n",
        "below/table.csv": "1,2\n",
        "below/unnamed.csv": "1,2\n",
        "below/table.js": "1\n",
        "beside.py": "other = 1\n",
    }
    for name, text in files.items():
        (root / "ground" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "ground" / name).write_text(text)
    return root


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """A folder whose notebook is executed and up to date; tests work on copies."""
    root = make_folder(tmp_path_factory.mktemp("executed"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(root))
        patch.setenv("COURSE_PROGRESS", "on")
        patch.setenv("PYTHONHASHSEED", "7")
        tool.execute(pair_in(root), root / "ground")
    return root


@pytest.fixture
def root(executed, tmp_path, monkeypatch):
    shutil.copytree(executed, tmp_path / "copy")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "copy"))
    return tmp_path / "copy"


def pair_in(root):
    (pair,) = tool.pairs(root / "notebooks")
    return pair


def run(root, *arguments):
    return tool.main(list(arguments), root / "notebooks", root / "ground")


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def edit_in_lab(pair, old="2 + 2", new="2 + 3"):
    """Change the cells as the Lab does when it saves: other metadata appear as well."""
    notebook = tool.read_notebook(pair.notebook)
    for cell in notebook.cells:
        cell.source = cell.source.replace(old, new)
        cell.metadata["editable"] = True
    notebook.metadata.language_info.version = "3.12.1"
    nbformat.write(notebook, pair.notebook)


def test_what_is_stored(executed):
    pair = pair_in(executed)
    notebook = tool.read_notebook(pair.notebook)
    nbformat.validate(notebook)
    title, first, second, third = notebook.cells
    assert title.source == "# A title\n\nWith $x^2$ and a [link](#A-title)."
    assert title.metadata == {"slideshow": {"slide_type": "slide"}}
    assert first.metadata == {"slideshow": {"slide_type": "fragment"}, "tags": ["long"]}
    assert [cell.execution_count for cell in (first, second, third)] == [1, 2, 3]
    assert [output.output_type for output in first.outputs] == ["stream", "execute_result"]
    assert first.outputs[0].text == "off 0 True\nsecond line\n"
    assert first.outputs[1].data["text/plain"] == "42"
    assert set(notebook.metadata) == {"course", "kernelspec", "language_info"}
    assert notebook.metadata.language_info == tool.LANGUAGE_INFO
    assert len({cell.id for cell in notebook.cells}) == 4
    assert third.id == f"{second.id}-2"
    text = pair.notebook.read_text()
    assert text.endswith("}\n")
    assert json.dumps(json.loads(text), indent=1, sort_keys=True, ensure_ascii=False) + "\n" == text
    assert not list(pair.notebook.parent.glob("*.tmp"))


def test_up_to_date_is_not_executed_and_forced_gives_the_same_bytes(root, capsys):
    notebook = pair_in(root).notebook
    before, written = notebook.read_bytes(), notebook.stat().st_mtime_ns
    assert run(root) == 0
    assert capsys.readouterr().out == "01_toy: up to date\n"
    assert notebook.stat().st_mtime_ns == written
    assert run(root, "--force", "01") == 0
    assert "4 cells" in (out := capsys.readouterr().out)
    assert out.endswith(" kB (forced)\n")
    assert notebook.stat().st_mtime_ns != written
    assert notebook.read_bytes() == before


def test_an_edited_source_is_stale_and_is_executed(root, capsys):
    pair = pair_in(root)
    edit(pair.source, "2 + 2", "2 + 40")
    assert run(root, "--check") == 1
    assert capsys.readouterr().out == "01_toy: stale (source changed)\n"
    assert run(root) == 0
    assert tool.read_notebook(pair.notebook).cells[-1].outputs[0].data["text/plain"] == "42"
    assert run(root, "--check") == 0


@pytest.mark.parametrize(
    ("file", "old", "new", "stale"),
    [
        ("above.py", "base + 1", "base + 2", True),
        ("below/deep.py", "41", "42", True),
        ("below/table.csv", "1,2", "1,3", True),
        ("below/unnamed.csv", "1,2", "1,3", False),
        ("below/table.js", "1", "2", False),
        ("beside.py", "1", "2", False),
        ("above.py", "Above.", "Another docstring.\n\nWith more.", False),
        ("below/deep.py", "41", "41  # a comment\n\n", False),
    ],
)
def test_the_package_below_counts_and_its_comments_do_not(root, file, old, new, stale):
    edit(root / "ground" / file, old, new)
    assert tool.why_stale(pair_in(root), root / "ground") == ("package changed" if stale else "")


def test_a_layout_of_the_source_that_says_the_same_is_not_stale(root):
    pair = pair_in(root)
    edit(pair.source, "\n\n\n# %% slideshow", "\n# %% slideshow")
    edit(pair.source, "display_name: Python 3", "display_name: Other")
    assert tool.why_stale(pair, root / "ground") == ""


def test_code_is_hashed_by_its_lines():
    code = '"""Doc."""\n\nimport os  # comment\n\n\ndef f():\n    """Two\n    lines."""\n    return "# not a comment"\n'
    assert tool._code(code) == 'import os\ndef f():\n    return "# not a comment"'
    assert tool._code('def f(): "doc"') == 'def f(): "doc"'


def test_edits_in_the_lab_are_not_lost_and_can_be_brought_over(root, capsys):
    pair = pair_in(root)
    edit_in_lab(pair)
    before = pair.notebook.read_bytes()
    assert run(root) == 1
    error = capsys.readouterr().err
    assert "01_toy: the notebook was edited, and its source was not" in error
    assert "--from-notebook 01" in error
    assert pair.notebook.read_bytes() == before

    assert run(root, "--from-notebook", "01") == 0
    text = pair.source.read_text()
    assert text.count("2 + 3") == 2
    assert text.startswith("# ---\n# jupyter:\n#   kernelspec:\n")
    assert '# %% [markdown] slideshow={"slide_type": "slide"}\n# # A title\n#\n# With $x^2$' in text
    assert "jupytext" not in text
    assert "editable" not in text
    assert tool.why_stale(pair, root / "ground") == "source changed"
    assert run(root) == 0
    assert tool.read_notebook(pair.notebook).cells[-1].outputs[0].data["text/plain"] == "5"


def test_edits_on_both_sides_are_refused_unless_they_agree(root, capsys):
    pair = pair_in(root)
    edit_in_lab(pair)
    edit(pair.source, "# With $x^2$", "# With $x^3$")
    assert run(root) == 1
    assert "both the notebook and its source were edited" in capsys.readouterr().err
    edit(pair.source, "$x^3$", "$x^2$")
    edit(pair.source, "2 + 2", "2 + 3")
    assert tool.why_stale(pair, root / "ground") == "source changed"


def test_running_cells_in_the_lab_is_no_edit(root):
    pair = pair_in(root)
    edit_in_lab(pair, "2 + 2", "2 + 2")
    assert tool.why_stale(pair, root / "ground") == ""


def test_a_notebook_without_source_is_refused_with_the_cure(root, capsys):
    pair = pair_in(root)
    pair.source.unlink()
    for option in [(), ("--force",)]:
        assert run(root, *option) == 1
        assert "01_toy: it has no source; bring the edits over: " in capsys.readouterr().err
    assert run(root, "--from-notebook", "01_toy") == 0
    assert (
        tool.source_hash(tool.read_source(pair.source))
        == tool.read_notebook(pair.notebook).metadata.course.source
    )


def test_a_failed_cell_is_shown_and_the_old_notebook_stays(root, capsys):
    pair = pair_in(root)
    before = pair.notebook.read_bytes()
    edit(pair.source, "2 + 2", "unknown_name + 1")
    assert run(root) == 1
    error = capsys.readouterr().err
    assert "01_toy: it failed, and the notebook is as it was." in error
    assert "unknown_name + 1" in error
    assert "NameError" in error
    assert pair.notebook.read_bytes() == before


def test_stderr_is_an_error_unless_tagged(root, capsys):
    pair = pair_in(root)
    before = pair.notebook.read_bytes()
    edit(pair.source, "2 + 2", 'import sys\n\nprint("careful", file=sys.stderr)')
    assert run(root) == 1
    assert 'print("careful", file=sys.stderr)\n---' in (error := capsys.readouterr().err)
    assert error.endswith("careful\n\n")
    assert pair.notebook.read_bytes() == before
    edit(
        pair.source,
        '# %% slideshow={"slide_type": "-"}',
        '# %% slideshow={"slide_type": "-"} tags=["stderr"]',
    )
    assert run(root) == 0


def test_unknown_names_list_the_known_ones(root, capsys):
    with pytest.raises(SystemExit):
        run(root, "07")
    assert "there is no notebook '07'; there are: 01_toy" in capsys.readouterr().err


def test_only_the_named_are_executed(root, capsys):
    shutil.copy(pair_in(root).source, root / "notebooks" / "source" / "02_other.py")
    assert run(root, "--check", "01") == 0
    assert capsys.readouterr().out == "01_toy: up to date\n"
    assert run(root, "--check") == 1
    assert capsys.readouterr().out == "01_toy: up to date\n02_other: stale (new)\n"


def test_views_of_widgets_are_not_stored():
    output = nbformat.v4.new_output(
        "display_data", {tool.WIDGET_VIEW: {"model_id": "1"}, "text/plain": "Slider()"}
    )
    alone = nbformat.v4.new_output("display_data", {tool.WIDGET_VIEW: {"model_id": "1"}})
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x", outputs=[output, alone])])
    tool.clean(notebook)
    assert [dict(output.data) for output in notebook.cells[0].outputs] == [{"text/plain": "Slider()"}]


def test_magics_do_not_stop_the_search_for_imports(root):
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("%load_ext autoreload\nif True:\n    from ground import above")]
    )
    names = {path.name for path in tool._modules_below(notebook, root / "ground")}
    assert names == {"__init__.py", "above.py", "deep.py"}
