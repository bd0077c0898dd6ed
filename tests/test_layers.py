"""Layers of the package: imports go down only, and what is public is listed and described.

The layer of a module is that of the first component of its path under course_utils. A component may import
lower layers and itself; of its own layer, only what SIBLINGS allows, or, in layers 0 and 1, anything that
makes no cycle. `plots` takes arrays: it imports no models.
"""

import ast
import graphlib
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import course_utils

ROOT = Path(course_utils.__file__).parent

LAYERS = [
    {"validation", "seeding"},
    {"conditions", "data", "distributions", "networks", "history", "training", "weights"},
    {"mixtures", "autoencoders", "vae", "gan", "autoregressive", "vqvae", "translation", "sequences"},
    {"metrics"},
    {"plots"},
    {"pretrained", "studies"},
    {"widgets"},
    {"exercises"},
]
LAYER = {component: number for number, components in enumerate(LAYERS) for component in components}
SIBLINGS = {("translation", "gan"), ("vqvae", "autoregressive")}  # importer, imported


def module_name(path):
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(ROOT.rglob("*.py"))}


def imported(source, module, is_package):
    """The dotted names that a module's text imports; for `from a import b` both a and a.b."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parts = module.split(".")
            package = parts[: len(parts) - node.level + is_package] if node.level else []
            base = ".".join(package + ([node.module] if node.module else []))
            names |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return names


def component(name):
    """`mixtures` of `course_utils.mixtures.em`; None outside the package and at its root."""
    parts = name.split(".")
    if parts[0] != "course_utils" or len(parts) == 1 or parts[1].startswith("__"):
        return None
    return parts[1]


def edges_of(source, module, is_package=False):
    targets = {component(name) for name in imported(source, module, is_package)}
    return targets - {None, component(module)}


def is_allowed(importer, target):
    if target not in LAYER:
        return False
    if importer == "plots":
        return LAYER[target] < 2
    if LAYER[importer] == LAYER[target]:
        return LAYER[importer] < 2 or (importer, target) in SIBLINGS
    return LAYER[target] < LAYER[importer]


EDGES = {
    name: edges_of(path.read_text(encoding="utf-8"), name, path.name == "__init__.py")
    for name, path in MODULES.items()
}


@pytest.mark.parametrize("name", MODULES)
def test_imports_go_down(name):
    if (importer := component(name)) is None:
        assert not EDGES[name], "the package's root imports nothing of it"
        return
    assert importer in LAYER, f"give {importer} a layer in the design, and here"
    up = {target for target in EDGES[name] if not is_allowed(importer, target)}
    assert not up, f"{name} (layer {LAYER[importer]}) must not import {', '.join(sorted(up))}"


def graph_of(edges):
    graph = {}
    for name, targets in edges.items():
        if component(name):
            graph.setdefault(component(name), set()).update(targets)
    return graph


def test_no_cycles():
    tuple(graphlib.TopologicalSorter(graph_of(EDGES)).static_order())


def test_scikit_learn_is_imported_at_its_first_use():
    """It takes longer to import than torch, and most chapters never use it."""
    code = "import sys; from course_utils import {}; print('sklearn' in sys.modules)"
    everything = ", ".join(sorted(LAYER))
    for names, expected in ((everything, "False"), (f"{everything}; mixtures.GaussianMixture", "True")):
        run = subprocess.run(
            [sys.executable, "-c", code.format(names)], capture_output=True, text=True, check=True
        )
        assert run.stdout.strip() == expected


def test_the_modules_were_found():
    assert {"course_utils", "course_utils.validation", "course_utils.data.toys"} <= set(MODULES)
    assert EDGES["course_utils.data.toys"] == {"validation"}
    assert "history" in EDGES["course_utils.training"]


@pytest.mark.parametrize(
    ("source", "targets"),
    [
        ("import course_utils.plots", {"plots"}),
        ("from course_utils import plots, vae as v", {"plots", "vae"}),
        ("from course_utils.metrics.coverage import count_modes", {"metrics"}),
        ("from .. import plots", {"plots"}),
        ("from ..plots import show", {"plots"}),
        ("from .em import e_step", set()),
        ("def f():\n    from course_utils import widgets", {"widgets"}),
        ("import torch, course_utils\nfrom course_utils import __version__", set()),
    ],
)
def test_how_imports_are_read(source, targets):
    assert edges_of(source, "course_utils.mixtures.model") == targets
    if not source.startswith("from .."):
        assert edges_of(source, "course_utils.mixtures", is_package=True) == targets


@pytest.mark.parametrize(
    ("importer", "target", "allowed"),
    [
        ("training", "history", True),
        ("history", "validation", True),
        ("validation", "history", False),
        ("translation", "gan", True),
        ("gan", "translation", False),
        ("mixtures", "vae", False),
        ("metrics", "mixtures", True),
        ("mixtures", "metrics", False),
        ("plots", "history", True),
        ("plots", "mixtures", False),
        ("exercises", "plots", True),
        ("exercises", "utils", False),
    ],
)
def test_the_rule(importer, target, allowed):
    assert is_allowed(importer, target) == allowed


def test_a_cycle_is_noticed():
    with pytest.raises(graphlib.CycleError):
        tuple(graphlib.TopologicalSorter({"data": {"weights"}, "weights": {"data"}}).static_order())


def is_public(name):
    return not any(part.startswith("_") for part in name.split(".")) and name != "course_utils"


@pytest.mark.parametrize("name", [name for name in MODULES if is_public(name)])
def test_public_names_are_listed_and_described(name):
    module = importlib.import_module(name)
    assert module.__doc__, f"{name} needs a docstring"
    listed = getattr(module, "__all__", None)
    assert listed is not None, f"{name} needs an __all__"
    assert len(listed) == len(set(listed))
    for public in listed:
        thing = getattr(module, public, None)
        assert thing is not None or public in vars(module), (
            f"{name}.__all__ lists {public}, which is not there"
        )
        if inspect.isclass(thing) or inspect.isroutine(thing):
            assert is_described(thing), f"{name}.{public} needs a docstring"


def is_described(thing):
    """Whether it has a docstring of its own: not inherited, not what NamedTuple or dataclass writes."""
    text = vars(thing).get("__doc__") if inspect.isclass(thing) else thing.__doc__
    return bool(text) and not text.startswith(f"{thing.__name__}(")


def test_a_made_up_docstring_does_not_count():
    from typing import NamedTuple

    class Bare(NamedTuple):
        x: int

    class Child(int):
        pass

    assert not is_described(Bare)
    assert not is_described(Child)
