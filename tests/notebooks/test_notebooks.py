"""What every notebook keeps to, read from the stored files; nothing is executed here."""

import ast
import importlib
import inspect
import re
import types
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from tools import notebooks as tool

FOLDER = Path(__file__).parents[2] / "notebooks"
PAIRS = [pair for pair in tool.pairs(FOLDER) if pair.notebook.exists()]
SLIDE_TYPES = {"slide", "subslide", "fragment", "skip", "notes", "-"}
MAX_LINES, MAX_LINES_LONG = (
    16,
    30,
)  # of code in a cell; with the tag "long", where the section teaches the code
MAX_BYTES = 500_000

ADDRESS = re.compile(r"\bat 0x[0-9a-f]+|\b0x[0-9a-f]{8,}", re.IGNORECASE)
DURATION = re.compile(r"\d ?(?:ms|[µμ]s|ns|s|sec|secs|seconds?)\b|it/s\b|s/it\b|wall time", re.IGNORECASE)
BYTES = re.compile(r";base64,[A-Za-z0-9+/=\s]+")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)[^)]*\)")
IMAGE_WITHOUT_ALT = re.compile(r"!\[\s*\]\(|<img(?![^>]*\balt=[\"'][^\"'])[^>]*>")
HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*$", re.MULTILINE)
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
EXPLICIT_ANCHOR = re.compile(r"<a\s+(?:id|name)=[\"']([^\"']+)")


@pytest.fixture(scope="module", params=PAIRS, ids=lambda pair: pair.name)
def pair(request):
    return request.param


@pytest.fixture(scope="module")
def notebook(pair):
    return tool.read_notebook(pair.notebook)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook):
    """Every output with the start of its cell, to find it by."""
    return [(cell.source[:60], output) for cell in code_cells(notebook) for output in cell.outputs]


def texts(notebook) -> Iterator[tuple[str, str]]:
    """Every text in the outputs but the words that stand for a picture, and the bytes of what is played."""
    for start, output in outputs(notebook):
        data = output.get("data", {})
        has_picture = any(kind.startswith("image/") for kind in data)
        yield start, output.get("text", "")
        shown = (data[kind] for kind in data if kind.startswith("text/") and not has_picture)
        yield from ((start, BYTES.sub("", text)) for text in shown)


def prose(notebook) -> str:
    return "\n\n".join(FENCE.sub("", cell.source) for cell in notebook.cells if cell.cell_type == "markdown")


def test_nbval_sees_every_marker(notebook):
    """It reads comments only where they have a line of their own."""
    for cell in code_cells(notebook):
        n_seen = sum(line.strip() == "# NBVAL_CHECK_OUTPUT" for line in cell.source.splitlines())
        assert cell.source.count("NBVAL_CHECK_OUTPUT") == n_seen <= 1, cell.source
        assert not n_seen or cell.outputs, f"nothing to compare with: {cell.source}"


def test_every_source_has_its_notebook():
    missing = [pair.name for pair in tool.pairs(FOLDER) if not pair.notebook.exists()]
    assert not missing, "run make notebooks"


def test_source_and_notebook_say_the_same(pair, notebook):
    assert pair.source.exists(), f"no source: run tools/notebooks.py --from-notebook {pair.number}"
    source = tool.read_source(pair.source)
    for number, (written, stored) in enumerate(zip(source.cells, notebook.cells, strict=False), 1):
        same = (written.cell_type, written.source, written.metadata) == (
            stored.cell_type,
            stored.source,
            stored.metadata,
        )
        assert same, (
            f"cell {number} differs: run make notebooks\n--- source\n{written.source}\n--- notebook\n{stored.source}"
        )
    assert len(source.cells) == len(notebook.cells), "run make notebooks"


def test_outputs_are_up_to_date(pair, notebook):
    source, stored = tool.read_source(pair.source), notebook.metadata.get("course", {})
    assert stored.get("source") == tool.source_hash(source), "outputs look stale: run make notebooks"
    package = tool.package_hash(source, tool.PACKAGE)
    assert stored.get("package") == package, "the package below has changed: run make notebooks"


def test_every_cell_was_executed_in_order(notebook):
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))
    assert all(cell.source for cell in notebook.cells), "there is an empty cell"


def test_no_errors_and_nothing_on_stderr(notebook):
    assert not [start for start, output in outputs(notebook) if output.output_type == "error"]
    for cell in code_cells(notebook):
        if "stderr" not in cell.metadata.get("tags", []):
            assert not [output.text for output in cell.outputs if output.get("name") == "stderr"], cell.source


def test_the_file_is_small(pair):
    assert pair.notebook.stat().st_size <= MAX_BYTES


def test_metadata_is_what_the_tool_writes(notebook):
    assert set(notebook.metadata) == {"kernelspec", "language_info", "course"}, (
        "no widget state, no pairing in Lab"
    )
    assert notebook.metadata.kernelspec.name == "python3"
    assert "version" not in notebook.metadata.language_info


def test_every_picture_has_words(notebook):
    for start, output in outputs(notebook):
        data = output.get("data", {})
        for kind in (kind for kind in data if kind.startswith("image/")):
            alt = output.metadata.get(kind, {}).get("alt", "")
            assert len(alt) >= 20, f"a picture without alt text: use plots.show(..., alt=...)\n{start}"
            assert data.get("text/plain") == alt, start
    assert not IMAGE_WITHOUT_ALT.findall(prose(notebook))


def test_cells_are_short(notebook):
    for cell in code_cells(notebook):
        lines = [
            line for line in cell.source.splitlines() if line.strip() and not line.lstrip().startswith("#")
        ]
        limit = MAX_LINES_LONG if "long" in cell.metadata.get("tags", []) else MAX_LINES
        assert len(lines) <= limit, (
            f"{len(lines)} lines: move code to the package, or split the cell\n{cell.source}"
        )


def test_every_cell_says_how_it_is_shown_as_a_slide(notebook):
    for cell in notebook.cells:
        kind = cell.metadata.get("slideshow", {}).get("slide_type")
        assert kind in SLIDE_TYPES, f"slide_type is {kind!r}\n{cell.source[:80]}"


def test_no_addresses_in_outputs(notebook):
    for start, text in texts(notebook):
        assert not ADDRESS.search(text), f"{start}\n{text[:300]}"


def test_no_wall_clock_times_in_outputs(notebook):
    for start, text in texts(notebook):
        assert not (found := DURATION.search(text)), f"{found and found.group()!r} in the output of:\n{start}"


def test_the_pattern_for_durations():
    for text in ["took 0.35 s", "12 ms ± 3", "3s", "2 seconds", "8.1it/s", "Wall time: 3", "5 µs"]:
        assert DURATION.search(text), text
    for text in ["3 samples", "the 8 modes", "12 minutes of waiting", "std 0.3", "2 starts", "x 3\nsum 4"]:
        assert not DURATION.search(text), text


# ---- names of the package


def used_names(code: str) -> Iterator[tuple[types.ModuleType, str]]:
    """Module and name for everything of the package that the code imports or takes from an imported module."""
    tree = ast.parse(code)
    modules: dict[str, types.ModuleType] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "course_utils":
                    module = importlib.import_module(alias.name)
                    modules[alias.asname or "course_utils"] = module if alias.asname else _package()
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "course_utils":
            module = importlib.import_module(node.module)
            for alias in node.names:
                yield module, alias.name
                if isinstance(found := _member(module, alias.name), types.ModuleType):
                    modules[alias.asname or alias.name] = found

    def resolve(node: ast.expr) -> types.ModuleType | None:
        if isinstance(node, ast.Name):
            return modules.get(node.id)
        if isinstance(node, ast.Attribute) and (above := resolve(node.value)):
            found = _member(above, node.attr)
            return found if isinstance(found, types.ModuleType) else None
        return None

    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (module := resolve(node.value)):
            yield module, node.attr


def _package() -> types.ModuleType:
    return importlib.import_module("course_utils")


def _member(module: types.ModuleType, name: str) -> object:
    try:
        return getattr(module, name, None) or importlib.import_module(f"{module.__name__}.{name}")
    except ModuleNotFoundError:
        return None


def complaint(module: types.ModuleType, name: str) -> str:
    """What is wrong with using `name` of `module`, or ""."""
    where = f"{module.__name__}.{name}"
    thing = _member(module, name)
    if thing is None:
        return f"{where} does not exist"
    if not isinstance(thing, types.ModuleType) and name not in getattr(module, "__all__", ()):
        return f"{where} is not in the __all__ of its module"
    if not module.__doc__:
        return f"{module.__name__} has no docstring"
    documented = isinstance(thing, types.ModuleType | type) or inspect.isroutine(thing)
    return f"{where} has no docstring" if documented and not thing.__doc__ else ""


def without_magics(code: str) -> str:
    return "\n".join("pass" if line.startswith(("%", "!")) else line for line in code.splitlines())


def test_names_used_of_the_package_are_public_and_documented(notebook):
    code = "\n".join(without_magics(cell.source) for cell in code_cells(notebook))
    assert not [text for text in (complaint(*use) for use in used_names(code)) if text]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("from course_utils.plots import show, use_style", []),
        ("from course_utils import plots\nplots.show(plots.COLORS)", []),
        ("import course_utils.plots as p\np.basic.plot_points()", []),
        ("from course_utils.plots import shw", ["course_utils.plots.shw does not exist"]),
        ("from course_utils import plots as p\np.shw()", ["course_utils.plots.shw does not exist"]),
        ("import course_utils.plots\ncourse_utils.plots.shw()", ["course_utils.plots.shw does not exist"]),
        ("from course_utils.plots.basic import Axes", ["is not in the __all__"]),
        ("from course_utils.plots import basic\nbasic.Axes()", ["is not in the __all__"]),
        ("import torch\ntorch.nothing", []),
    ],
)
def test_names_are_found_however_they_are_imported(code, words):
    complaints = [text for text in (complaint(*use) for use in used_names(code)) if text]
    assert len(complaints) == len(words)
    assert all(word in text for word, text in zip(words, complaints, strict=True))


# ---- links


def anchors(notebook) -> set[str]:
    """The names of headings as JupyterLab and code hosts make them, and explicit ones."""
    text = prose(notebook)
    headings = {re.sub(r"[`*]", "", heading).replace(" ", "-") for heading in HEADING.findall(text)}
    return headings | set(EXPLICIT_ANCHOR.findall(text))


def broken_links(notebook, path: Path) -> Iterator[str]:
    for link in LINK.findall(prose(notebook)):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = unquote(link).partition("#")
        target = path.parent / file if file else path
        if not target.exists():
            yield f"{link}: there is no such file"
        elif anchor and target.suffix == ".ipynb":
            there = notebook if not file else tool.read_notebook(target)
            if anchor not in anchors(there):
                yield f"{link}: no such heading there; there are: {', '.join(sorted(anchors(there)))}"


def test_links_between_notebooks_and_inside_resolve(pair, notebook):
    assert not list(broken_links(notebook, pair.notebook))
