"""The explorers of chapter 4 in tabs: the ones that are hidden at first work as soon as they are shown."""

import numpy as np

from tests.browser.reading import settle

CELLS = (
    """
import torch
from ipywidgets import Tab
from torch import nn

from course_utils import data, pretrained, widgets
from course_utils.pretrained.beta_mnist import BETAS

x, labels = data.load_mnist("test")
explorers = [
    widgets.LatentExplorer(nn.Sequential(vae.decoder, nn.Sigmoid()), vae.encode(x[:300].round()).mean, labels[:300])
    for vae in pretrained.load("beta_mnist")
]
tabs = Tab(explorers, titles=[f"β = {beta:g}" for beta in BETAS], selected_index=BETAS.index(1))
""",
    "tabs",
)


def test_each_tab_follows_the_hand(lab, open_notebook):
    notebook = open_notebook(lab.write("tabs.ipynb", *CELLS))
    notebook.page.set_viewport_size({"width": 1280, "height": 1400})
    cells = notebook.run_all()
    assert not [output for cell in cells for output in cell["outputs"] if output.startswith("error")]
    pictures = []
    for name in ("β = 1", "β = 0", "β = 8"):
        notebook.page.get_by_role("tab", name=name, exact=True).click()
        explorer = notebook.page.locator(".latent-explorer:visible")
        explorer.locator(".handle").wait_for()
        settle(notebook.page)
        box = explorer.locator(".pad").bounding_box()
        assert min(box["width"], box["height"]) > 200
        before = decoded(explorer)
        assert np.ptp(before) > 0.5, "a picture, not a blank"
        handle = explorer.locator(".handle").bounding_box()
        notebook.page.mouse.move(handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2)
        notebook.page.mouse.down()
        notebook.page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 0.4 * box["height"], steps=5)
        notebook.page.mouse.up()
        settle(notebook.page)
        pictures.append(decoded(explorer))
        assert np.abs(pictures[-1] - before).max() > 0.1, name
    assert np.abs(pictures[0] - pictures[2]).max() > 0.05, "another decoder behind each tab"
    assert not notebook.complaints


def decoded(explorer):
    """The numbers behind the picture that is shown."""
    return np.array(explorer.evaluate("(root) => Array.from(root.decoded.data)"))
