"""pyproject.toml, requirements.lock and environment.yml have to say the same."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK_LINES = [
    Requirement(line)
    for line in (ROOT / "requirements.lock").read_text().splitlines()
    if not line.startswith("#")
]
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text())
# What conda-forge calls by another name than the Python index.
CONDA_NAMES = {"pytorch-cpu": "torch", "matplotlib-base": "matplotlib"}


def locked(name, python="3.11"):
    """The version that the lock pins for a package on a Python."""
    environment = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux"}
    pins = [
        requirement
        for requirement in LOCK_LINES
        if canonicalize_name(requirement.name) == canonicalize_name(name)
        and (requirement.marker is None or requirement.marker.evaluate(environment))
    ]
    assert len(pins) == 1, f"{name} on Python {python}: {len(pins)} pins in requirements.lock; run make lock"
    return str(pins[0].specifier).removeprefix("==")


def conda_pins():
    lines = [line for line in CONDA["dependencies"] if isinstance(line, str)]
    parsed = (re.fullmatch(r"([\w-]+)(?: (.+))?", line).groups() for line in lines)
    return {CONDA_NAMES.get(name, name): specifier for name, specifier in parsed}


def requirements():
    groups = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    return [Requirement(line) for group in groups for line in group]


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("requirement", requirements(), ids=str)
def test_the_lock_pins_what_the_project_asks_for(requirement, python):
    assert requirement.specifier.contains(locked(requirement.name, python))


def test_the_lock_pins_everything_exactly_and_without_a_local_suffix():
    for requirement in LOCK_LINES:
        assert re.fullmatch(r"==[^+,*]+", str(requirement.specifier)), requirement
    assert locked("torch") == "2.13.0"
    assert not [r for r in LOCK_LINES if r.name.startswith("nvidia")]


@pytest.mark.parametrize("requirement", [Requirement(line) for line in PROJECT["dependencies"]], ids=str)
def test_conda_brings_every_dependency_at_the_locked_version(requirement):
    assert conda_pins()[requirement.name] == f"=={locked(requirement.name)}"


def test_conda_brings_nothing_else_than_python_pip_and_the_package():
    pins = conda_pins()
    assert SpecifierSet(pins.pop("python")) == SpecifierSet(PROJECT["requires-python"])
    assert pins.pop("pip") is None
    assert set(pins) == {Requirement(line).name for line in PROJECT["dependencies"]}
    (pip_section,) = (line["pip"] for line in CONDA["dependencies"] if isinstance(line, dict))
    assert pip_section == ["--constraint requirements.lock", "--editable .[dev]"]
    assert CONDA["channels"] == ["conda-forge"]


def test_continuous_integration_runs_the_readmes_test_command():
    script = (ROOT / ".ci" / "run").read_text().splitlines()
    commands = [line for line in script if line and not line.startswith(("#", "set ", "cd "))]
    assert commands == ["CI=true make test"]
    assert "make test" in (ROOT / "README.md").read_text()
    assert "make test" in (ROOT / ".github" / "workflows" / "test.yml").read_text()


def test_the_readme_has_no_placeholder():
    assert not re.findall(
        r"\b[A-Z]+_[A-Z]+\b(?<!UV_TORCH_BACKEND)(?<!PIP_FIND_LINKS)(?<!LAB_OPTIONS)",
        (ROOT / "README.md").read_text(),
    )
