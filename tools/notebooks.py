"""Keep notebooks/NN_name.ipynb in step with notebooks/source/NN_name.py, what people edit: `make notebooks`.

A notebook is executed anew if its source has changed, or the code or data of the package below it. It holds hashes
of both. A notebook that was edited itself is never overwritten: `--from-notebook NN` brings the edits to the source.
"""

import argparse
import ast
import copy
import hashlib
import io
import os
import re
import sys
import time
import tokenize
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jupytext
import nbformat
from ipykernel.kernelspec import RESOURCES, get_kernel_dict
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal, DeadKernelError
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
PACKAGE = ROOT / "course_utils"

CELL_TIMEOUT = 1200  # seconds
ENVIRONMENT = {"COURSE_PROGRESS": "off", "PYTHONHASHSEED": "0"}
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE_INFO = {
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
}
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


class Problem(Exception):
    """A notebook that was not written; the text says why, and what to do."""


class Pair(NamedTuple):
    """A notebook and its source."""

    source: Path
    notebook: Path

    @property
    def name(self) -> str:
        """The file name without its ending."""
        return self.notebook.stem

    @property
    def number(self) -> str:
        """The chapter's number, as in the file name."""
        return self.name.split("_")[0]


def pairs(folder: Path) -> list[Pair]:
    """All pairs in a folder of notebooks, by name; one of the two files may be missing."""
    names = {path.stem for path in [*folder.glob("*.ipynb"), *folder.glob("source/*.py")]}
    return [Pair(folder / "source" / f"{name}.py", folder / f"{name}.ipynb") for name in sorted(names)]


# ---- the two forms of a notebook


def as_text(notebook: NotebookNode) -> str:
    """The notebook's cells as percent-format text, in the one way that is compared, hashed and written."""
    plain = nbformat.v4.new_notebook(cells=bare_cells(notebook))
    plain.metadata = NotebookNode(
        kernelspec=KERNELSPEC,
        jupytext={
            "notebook_metadata_filter": "kernelspec,-jupytext,-all",
            "cell_metadata_filter": "slideshow,tags,-all",
        },
    )
    return jupytext.writes(plain, fmt="py:percent")


def read_source(path: Path) -> NotebookNode:
    """The source as a notebook without outputs."""
    return nbformat.v4.new_notebook(
        cells=bare_cells(jupytext.reads(path.read_text(encoding="utf-8"), fmt="py:percent"))
    )


def read_notebook(path: Path) -> NotebookNode:
    """The notebook, in the current version of the format."""
    return nbformat.read(path, as_version=4)


def bare_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Copies of the cells with what people write: the text, the kind of slide and the tags."""
    cells = []
    for cell in notebook.cells:
        make = getattr(nbformat.v4, f"new_{cell.cell_type}_cell")
        metadata = {key: cell.metadata[key] for key in ("slideshow", "tags") if cell.metadata.get(key)}
        cells.append(make(source=cell.source.strip("\n").rstrip(), metadata=copy.deepcopy(metadata)))
    return cells


# ---- what the outputs depend on


def source_hash(notebook: NotebookNode) -> str:
    """A hash of the notebook's text."""
    return hashlib.sha256(as_text(notebook).encode()).hexdigest()[:16]


def package_hash(notebook: NotebookNode, package: Path) -> str:
    """A hash of the package's modules that the notebook imports, directly or not, and of the data they name.

    Comments, docstrings and empty lines do not count. Imports and names of data files are found by reading the
    code, so that what is put together at run time is missed. The scripts of widgets do not count either: stored
    notebooks hold nothing that they drew.
    """
    digest = hashlib.sha256()
    modules = _modules_below(notebook, package)
    code = {path: _code(path.read_text(encoding="utf-8")) for path in modules}
    named = set(re.findall(r"\w+", "\n".join([_code_of_cells(notebook), *code.values()])))
    data = [path for path in _data_of(modules, package) if path.stem in named]
    for path in sorted([*modules, *data]):
        content = code[path].encode() if path in code else path.read_bytes()
        digest.update(
            f"{path.relative_to(package).as_posix()} {hashlib.sha256(content).hexdigest()}\n".encode()
        )
    return digest.hexdigest()[:16]


def _code_of_cells(notebook: NotebookNode) -> str:
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    return "\n".join("pass" if line.startswith(("%", "!")) else line for line in code.splitlines())  # magics


def _modules_below(notebook: NotebookNode, package: Path) -> set[Path]:
    found: set[Path] = set()
    waiting = list(_imports(_code_of_cells(notebook), "notebook"))
    while waiting:
        parts = waiting.pop().split(".")
        if parts[0] != package.name:
            continue
        for depth in range(1, len(parts) + 1):
            stem = package.parent.joinpath(*parts[:depth])
            for path in (stem.with_suffix(".py"), stem / "__init__.py"):
                if path.is_file() and path not in found:
                    found.add(path)
                    inside = ".".join(parts[: depth if path.name == "__init__.py" else depth - 1])
                    waiting.extend(_imports(path.read_text(encoding="utf-8"), inside))
    return found


def _imports(code: str, inside: str) -> Iterable[str]:
    """Names that may be modules imported by `code`, which lies in the package `inside`."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = inside.split(".")[: len(inside.split(".")) + 1 - node.level] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _data_of(modules: set[Path], package: Path) -> Iterable[Path]:
    """Files that are no code and lie in the folder of a package that is used, not of one below it."""
    for path in package.rglob("*"):
        if path.is_file() and path.suffix not in (".py", ".js") and "__pycache__" not in path.parts:
            owner = next(
                folder for folder in path.parents if (folder / "__init__.py").exists() or folder == package
            )
            if owner / "__init__.py" in modules:
                yield path


def _code(source: str) -> str:
    """The source without comments, docstrings and empty lines."""
    lines = source.splitlines()
    # Not tokens or a syntax tree: those differ between Python versions, and the hash must not.
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            alone = first is not None and not lines[first.lineno - 1][: first.col_offset].strip()
            if isinstance(first, ast.Expr) and alone and ast.get_docstring(node, clean=False) is not None:
                for row in range(first.lineno, (first.end_lineno or first.lineno) + 1):
                    lines[row - 1] = ""
    return "\n".join(line.rstrip() for line in lines if line.strip())


# ---- which of the two has changed


def why_stale(pair: Pair, package: Path = PACKAGE) -> str:
    """Why the notebook has to be executed, or "" if its outputs are up to date.

    Raises:
        Problem: if the notebook itself was edited, so that executing the source would lose the edits.
    """
    if not pair.source.exists():
        raise Problem(f"it has no source; {_bring_over(pair)}")
    source = read_source(pair.source)
    if not pair.notebook.exists():
        return "new"
    notebook = read_notebook(pair.notebook)
    stored = notebook.metadata.get("course", {})
    in_source, in_notebook = source_hash(source), source_hash(notebook)
    if in_source != in_notebook and in_notebook != stored.get("source"):
        if in_source == stored.get("source"):
            raise Problem(f"the notebook was edited, and its source was not; {_bring_over(pair)}")
        raise Problem(
            f"both the notebook and its source were edited; {_bring_over(pair)}, "
            "and lose those made in the source, or --force executes the source and loses those made in the notebook"
        )
    if in_source != stored.get("source"):
        return "source changed"
    return "" if stored.get("package") == package_hash(source, package) else "package changed"


def _bring_over(pair: Pair) -> str:
    return f"bring the edits over: tools/notebooks.py --from-notebook {pair.number}"


def bring_over(pair: Pair) -> None:
    """Write the source from the notebook."""
    if not pair.notebook.exists():
        raise Problem("there is no such notebook")
    pair.source.parent.mkdir(exist_ok=True)
    _write(pair.source, as_text(read_notebook(pair.notebook)))


# ---- executing


class _ThisPython(AsyncKernelManager):
    """Starts the kernel of the Python that runs this tool, whatever other kernels the user has installed."""

    @property
    def kernel_spec(self) -> KernelSpec:
        return KernelSpec(resource_dir=RESOURCES, **get_kernel_dict())


def execute(pair: Pair, package: Path = PACKAGE) -> NotebookNode:
    """Execute the source from start to end and write the notebook, or leave the old one as it is.

    Raises:
        Problem: if a cell fails, or writes to stderr without the tag "stderr".
    """
    notebook = read_source(pair.source)
    hashes = {"source": source_hash(notebook), "package": package_hash(notebook, package)}
    run(notebook, pair.notebook.parent)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr" and "stderr" not in cell.metadata.get("tags", []):
                raise Problem(f"this cell wrote to stderr:\n{cell.source}\n{'-' * 18}\n{output.text}")
    clean(notebook)
    notebook.metadata.course = hashes
    nbformat.validate(notebook)
    _write(pair.notebook, nbformat.writes(notebook).rstrip("\n") + "\n")
    return notebook


def run(notebook: NotebookNode, folder: Path, *, store_widget_state: bool = False) -> None:
    """Execute a notebook in place, in a new kernel that works in `folder`.

    Raises:
        Problem: if a cell fails.
    """
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        kernel_manager_class=_ThisPython,
        timeout=CELL_TIMEOUT,
        record_timing=False,
        store_widget_state=store_widget_state,
        coalesce_streams=True,
        extra_arguments=["--log-level=ERROR"],  # no advice on how the kernel is reached
        resources={"metadata": {"path": str(folder)}},
    )
    try:
        client.execute(env={**os.environ, **ENVIRONMENT})
    except (CellControlSignal, DeadKernelError) as error:
        raise Problem(f"it failed, and the notebook is as it was.\n{error}") from None


def clean(notebook: NotebookNode) -> None:
    """Take out all that differs between two runs or two machines without being content."""
    notebook.metadata = NotebookNode(kernelspec=KERNELSPEC, language_info=LANGUAGE_INFO)
    seen: dict[str, int] = {}
    count = 0
    for cell, bare in zip(notebook.cells, bare_cells(notebook), strict=True):
        cell.metadata = bare.metadata
        key = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:12]
        seen[key] = seen.get(key, 0) + 1
        cell.id = key if seen[key] == 1 else f"{key}-{seen[key]}"
        if cell.cell_type == "code":
            count += 1
            cell.execution_count = count
            cell.outputs = [output for output in map(_clean_output, cell.outputs) if output]
            for output in cell.outputs:
                if output.output_type == "execute_result":
                    output.execution_count = count


def _clean_output(output: NotebookNode) -> Any:
    """The output without the view of a widget, whose state is not stored; None if nothing is left."""
    if "data" in output:
        output.data.pop(WIDGET_VIEW, None)
        return output if output.data else None
    return output


def _write(path: Path, text: str) -> None:
    """Write all of the file or nothing."""
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


# ---- the command


def main(arguments: Sequence[str] | None = None, folder: Path = NOTEBOOKS, package: Path = PACKAGE) -> int:
    """Run the command; 0 if all notebooks are up to date in the end."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NN", help="numbers or names of notebooks; none: all")
    parser.add_argument("--check", action="store_true", help="execute nothing, say which notebooks are stale")
    parser.add_argument(
        "--force", action="store_true", help="execute even if up to date, or edited in the Lab"
    )
    parser.add_argument("--from-notebook", metavar="NN", help="write the source from the notebook")
    options = parser.parse_args(arguments)
    every = pairs(folder)
    names = [options.from_notebook] if options.from_notebook else options.names
    for name in names:
        if not any(name in (pair.name, pair.number) for pair in every):
            known = ", ".join(pair.name for pair in every) or "none"
            parser.error(f"there is no notebook {name!r}; there are: {known}")
    chosen = [pair for pair in every if not names or {pair.name, pair.number} & set(names)]
    failed = False
    for pair in chosen:
        try:
            if options.from_notebook:
                bring_over(pair)
                print(f"{pair.name}: the source is now that of the notebook; `make notebooks` executes it")
                continue
            reason = "forced" if options.force and pair.source.exists() else why_stale(pair, package)
            if not reason:
                print(f"{pair.name}: up to date")
            elif options.check:
                failed = True
                print(f"{pair.name}: stale ({reason})")
            else:
                start = time.monotonic()
                n_cells = len(execute(pair, package).cells)
                size = pair.notebook.stat().st_size / 1000
                print(
                    f"{pair.name}: {time.monotonic() - start:.0f} s, {n_cells} cells, {size:.0f} kB ({reason})"
                )
        except Problem as problem:
            failed = True
            print(f"{pair.name}: {problem}", file=sys.stderr)
        sys.stdout.flush()
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
