import matplotlib.pyplot as plt
import pytest

from course_utils import plots


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def test_names_are_where_a_tree_has_them():
    ax = plots.plot_tree({"root": {"left": ["a", "b"], "right": {"deep": ["c"]}}})
    places = {text.get_text(): text.get_position() for text in ax.texts}
    depth = {name: x for name, (x, _) in places.items()}
    assert depth == {"root": 0, "left": 1, "right": 1, "a": 2, "b": 2, "deep": 2, "c": 3}
    height = {name: y for name, (_, y) in places.items()}
    assert height["a"] > height["b"] > height["c"]  # leaves from top to bottom
    assert height["left"] == (height["a"] + height["b"]) / 2
    assert height["right"] == height["deep"] == height["c"]
    assert len(ax.lines) == len(places) - 1  # one line to each name but the root


def test_a_tree_has_one_root():
    with pytest.raises(ValueError, match="tree must have one root, got 2: a, b"):
        plots.plot_tree({"a": ["x"], "b": ["y"]})
