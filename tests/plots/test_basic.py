"""The generic pictures: what was passed is what is drawn, and colour is never alone."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex

from course_utils import plots


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_points_are_drawn_where_they_are():
    points = torch.tensor([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]], requires_grad=True)
    ax = plots.plot_points(points, xlabel="eruption (min)", ylabel="waiting (min)")
    np.testing.assert_array_equal(ax.collections[0].get_offsets(), points.detach())
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("eruption (min)", "waiting (min)")
    assert ax.get_aspect() == 1
    assert plots.plot_points(points, equal=False).get_aspect() == "auto"


def test_labels_have_colour_and_marker_of_their_own():
    points, labels = torch.randn(40, 2, generator=torch.Generator().manual_seed(0)), torch.arange(40) % 10
    ax = plots.plot_points(points, labels)
    assert legend(ax) == list("0123456789")
    looks = {(to_hex(c.get_facecolor()[0]), c.get_paths()[0].vertices.tobytes()) for c in ax.collections}
    assert len(looks) == 10
    assert len({look[0] for look in looks}) == len({look[1] for look in looks}) == 10
    np.testing.assert_array_equal(ax.collections[3].get_offsets(), points[labels == 3])


def test_names_of_labels():
    points = np.zeros((3, 2))
    assert legend(plots.plot_points(points, [2, 0, 2], names=["setosa", "virginica"])) == [
        "setosa",
        "virginica",
    ]
    assert legend(plots.plot_points(points, [2, 0, 2], names={0: "a", 2: "c"})) == ["a", "c"]
    assert legend(plots.plot_points(points, np.array(["b", "a", "b"]))) == ["a", "b"]
    with pytest.raises(ValueError, match="names must have one entry for each of the 2 labels, got 1"):
        plots.plot_points(points, [2, 0, 2], names=["setosa"])


def test_bad_points():
    with pytest.raises(
        ValueError, match=r"points must have shape \(n, 2\), got \(5, 3\); choose two columns"
    ):
        plots.plot_points(torch.zeros(5, 3))
    with pytest.raises(ValueError, match=r"labels must have shape \(5,\), one per point, got \(4,\)"):
        plots.plot_points(torch.zeros(5, 2), torch.zeros(4))


def test_curves_differ_in_colour_and_line():
    x = torch.linspace(-1, 1, 5)
    ax = plots.plot_curves(x, {f"{k}x": k * x for k in range(7)}, xlabel="$s$", ylabel="nats")
    assert legend(ax) == [f"{k}x" for k in range(7)]
    np.testing.assert_array_equal(ax.lines[3].get_ydata(), 3 * x)
    assert len({line.get_color() for line in ax.lines}) == 7
    assert len({str(line.get_linestyle()) for line in ax.lines[:4]}) == 4
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("$s$", "nats")
    with pytest.raises(ValueError, match=r"x and 'a' must both have shape \(n,\), got \(5,\) and \(4,\)"):
        plots.plot_curves(x, {"a": x[1:]})


class History(dict):
    """What `plot_history` needs of a history."""

    names = property(list)

    def steps(self, name):
        return torch.arange(len(self[name])) * 10


def test_history():
    history = History(bound=torch.tensor([-3.0, -2.0, -1.5]), loss=[torch.tensor(1.0), torch.tensor(0.5)])
    ax = plots.plot_history(history)
    assert legend(ax) == ["bound", "loss"]
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), [0, 10, 20])
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), [1.0, 0.5])
    only = plots.plot_history(history, "bound", xlabel="iteration")
    assert (only.get_xlabel(), only.get_ylabel()) == ("iteration", "bound")
    assert only.get_legend() is None
    assert plots.plot_history(history, ["loss"], ylabel="nats per example").get_ylabel() == "nats per example"
    with pytest.raises(ValueError, match="the history has no 'elbo'; it has 'bound', 'loss'"):
        plots.plot_history(history, ["elbo"])


def test_a_mosaic_is_one_picture_row_by_row():
    images = torch.zeros(5, 4, 3)
    images[3] = 1.0
    ax = plots.plot_images(images, n_columns=3, title="Drawn")
    (picture,) = ax.images
    pixels = np.asarray(picture.get_array())
    assert pixels.shape == (2 * 5 + 1, 3 * 4 + 1)
    assert (pixels[6:10, 1:4] == 1).all(), "the fourth image is the first of the second row"
    assert (pixels[1:5, 1:4] == 0).all()
    assert (pixels[0] == 0.6).all()
    assert (pixels[6:, 9:] == 1).all(), "where there is no image it is white"
    assert ax.get_title() == "Drawn"
    assert len(ax.figure.axes) == 1


def test_mosaics_in_colour_of_one_channel_and_with_labels():
    colour = plots.plot_images(torch.rand(4, 3, 5, 5))
    assert np.asarray(colour.images[0].get_array()).shape == (13, 13, 3)
    assert np.asarray(plots.plot_images(torch.rand(9, 1, 5, 5)).images[0].get_array()).shape == (19, 19)
    _, ax = plt.subplots()
    assert plots.plot_images(np.zeros((4, 2, 2)), n_columns=2, ax=ax, row_labels=["real", "drawn"]) is ax
    assert [text.get_text() for text in ax.get_yticklabels()] == ["real", "drawn"]


@pytest.mark.parametrize("title", ["", "Drawn"])
@pytest.mark.parametrize(
    "row_labels", [[], ["a", "b", "c"], ["clean", "under a long label, with N(0, I)", "restored"]]
)
@pytest.mark.parametrize("n_columns", [2, 4, 12])
def test_a_mosaic_fills_its_figure(n_columns, row_labels, title):
    images = np.zeros((3 * n_columns, 20, 20))
    ax = plots.plot_images(images, n_columns=n_columns, row_labels=row_labels, title=title)
    ax.figure.draw_without_rendering()
    box, whole = ax.get_tightbbox(), ax.figure.bbox
    empty = [box.x0, whole.x1 - box.x1, box.y0, whole.y1 - box.y1]
    assert min(empty) >= 0, "nothing is cut"
    assert max(empty) < 0.15 * ax.figure.dpi, "no band is empty"


@pytest.mark.parametrize(
    ("images", "error"),
    [
        (torch.rand(4, 5), r"images must have shape .* got \(4, 5\)"),
        (torch.rand(4, 2, 5, 5), r"got \(4, 2, 5, 5\)"),
        (torch.rand(0, 5, 5), r"got \(0, 5, 5\)"),
        (
            torch.full((1, 2, 2), 255.0),
            r"images must lie in \[0, 1\], got values from 255 to 255; divide by 255",
        ),
        (torch.full((1, 2, 2), torch.nan), "got values from nan to nan"),
    ],
)
def test_bad_images(images, error):
    with pytest.raises(ValueError, match=error):
        plots.plot_images(images)


def luminance(color):
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return np.dot([0.2126, 0.7152, 0.0722], linear)


def test_the_palette_is_visible_on_white_and_the_cycles_do_not_repeat_together():
    contrast = [1.05 / (luminance(color) + 0.05) for color in plots.COLORS]
    assert min(contrast) > 2.0
    assert min(contrast[:3]) > 3.0, "the first colours are used most"
    pairs = [(i % len(plots.COLORS), i % len(plots.MARKERS)) for i in range(70)]
    assert len(set(pairs)) == 70
    pairs = [(i % len(plots.COLORS), i % len(plots.LINES)) for i in range(35)]
    assert len(set(pairs)) == 35


def test_importing_plots_sets_the_style_and_use_style_does_it_again():
    plt.rcdefaults()
    assert plt.rcParams["font.size"] == 10
    plots.use_style()
    assert plt.rcParams["font.size"] == 12
    assert plt.rcParams["savefig.facecolor"] == "white"
