"""A real JupyterLab and a real Chromium for the tests in this folder."""

import os

import pytest
from playwright.sync_api import sync_playwright

from tools.lab import CHROMIUM, NO_CHROMIUM, Lab, OpenNotebook, launch


@pytest.fixture(scope="package")
def browser():
    """Chromium. Where continuous integration runs, a missing one is a failure."""
    if not CHROMIUM:
        pytest.fail(NO_CHROMIUM) if os.environ.get("CI") else pytest.skip(NO_CHROMIUM)
    with sync_playwright() as play:
        chromium = launch(play)
        yield chromium
        chromium.close()


@pytest.fixture(scope="package")
def lab(browser, tmp_path_factory):
    server = Lab(tmp_path_factory.mktemp("lab"), tmp_path_factory.mktemp("private"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def open_notebook(browser, lab):
    """A function that opens a notebook of the Lab's folder."""
    opened = []

    def open_one(name):
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        opened.append(OpenNotebook(page, lab.url(name)))
        return opened[-1]

    yield open_one
    for notebook in opened:
        notebook.close()
