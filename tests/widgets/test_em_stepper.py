"""EMStepper without a browser: its state, and what a drag sets off."""

import numpy as np
import pytest
import torch
from traitlets import TraitError

from course_utils.data import gaussian_ring, load_old_faithful
from course_utils.mixtures import e_step, fit_em, m_step
from course_utils.widgets import EMStepper


def numbers(data, width):
    return np.frombuffer(data, np.float32).reshape(-1, width)


def test_the_path_is_em():
    widget = EMStepper(n_components=2, n_iterations=12)
    x = load_old_faithful().points
    np.testing.assert_allclose(numbers(widget._points, 2), x, rtol=1e-6)
    widget.iteration = 0
    floor = 1e-6 * float(x.var(0).max())
    expected, history = fit_em(x, 2, start=widget.parameters, max_iter=12, tol=0.0, reg_covar=floor)
    np.testing.assert_allclose(widget.bounds[:12], history["bound"], rtol=1e-9)
    widget.iteration = 12
    torch.testing.assert_close(widget.parameters, expected)
    last = numbers(widget._path, 6)[-2:]
    np.testing.assert_allclose(last[:, 0], expected.weights, rtol=1e-5)
    np.testing.assert_allclose(last[:, 1:3], expected.means, rtol=1e-5)
    np.testing.assert_allclose(last[:, 3:], expected.covariances.flatten(1)[:, [0, 1, 3]], rtol=1e-5)


def test_a_drag_goes_on_from_there_and_keeps_what_came_before():
    widget = EMStepper(n_components=2, n_iterations=10)
    before = list(widget.bounds)
    widget.moved = {"component": 1, "x": 2.0, "y": 50.0, "iteration": 4}
    assert widget.iteration == 4
    assert widget.bounds[:4] == before[:4]
    assert widget.bounds[4] != before[4]
    torch.testing.assert_close(widget.parameters.means[1], torch.tensor([2.0, 50.0], dtype=torch.float64))
    mean = e_step(load_old_faithful().points, widget.parameters).log_prob.mean()
    assert widget.bounds[4] == pytest.approx(float(mean))
    assert (np.diff(widget.bounds[4:]) > -1e-6).all(), "from there on EM climbs"
    assert len(widget.bounds) == 4 + 11, "from there as far as from a start"
    widget.iteration = 14
    widget.n_components = 3
    assert len(widget.bounds) == 11
    assert widget.iteration == 0


def test_a_question_is_answered_when_its_climb_is_there():
    widget = EMStepper(n_iterations=5)
    widget.set_state({"n_components": 3, "asked": 7})
    assert widget.answered == 7
    assert len(numbers(widget._path, 6)) == 6 * 3


def test_a_drag_of_something_that_is_gone_changes_nothing():
    widget = EMStepper(n_components=3, n_iterations=5)
    path = widget._path
    for moved in ({"component": 3, "iteration": 0}, {"component": 0, "iteration": 6}):
        widget.moved = {"x": 0.0, "y": 0.0, **moved}
    assert widget._path == path


def test_choosing_data_and_components_starts_anew():
    widget = EMStepper(n_iterations=5)
    widget.iteration = 3
    widget.data_set = "ring"
    assert widget.iteration == 0
    assert len(numbers(widget._points, 2)) == 400
    widget.n_components = 8
    assert len(numbers(widget._path, 6)) == 6 * 8


def test_own_points():
    ring = gaussian_ring(100, generator=torch.Generator().manual_seed(0)).points
    widget = EMStepper({"mine": ring, "half": ring[:50].numpy()}, axes=("a", "b"))
    assert widget.axes == ["a", "b"]
    assert widget.data_sets == ["mine", "half"]
    widget.data_set = "half"
    assert len(numbers(widget._points, 2)) == 50


@pytest.mark.parametrize(
    ("trait", "value", "message"),
    [
        ("n_components", 0, "n_components must be from 1 to 12, got 0"),
        ("n_components", 13, "n_components must be from 1 to 12, got 13"),
        ("iteration", -1, "iteration must be from 0 to 40, got -1"),
        ("iteration", 41, "iteration must be from 0 to 40, got 41"),
        ("data_set", "iris", "data_set must be one of .*'ring'.*got 'iris'"),
    ],
)
def test_wrong_state_is_refused(trait, value, message):
    widget = EMStepper()
    before = getattr(widget, trait)
    with pytest.raises(TraitError, match=message):
        setattr(widget, trait, value)
    assert getattr(widget, trait) == before


def test_a_mean_that_is_not_there_cannot_be_moved():
    with pytest.raises(ValueError, match="component must be one of 0, 1, got 2"):
        EMStepper(n_iterations=2).move_mean(2, 0.0, 0.0)


def test_wrong_points_are_named():
    with pytest.raises(ValueError, match=r"points must have 2 feature\(s\) per row, got 3"):
        EMStepper(torch.zeros(5, 3))
    with pytest.raises(ValueError, match="points must have at most 2000 rows, got 2001"):
        EMStepper(torch.zeros(2001, 2))
    with pytest.raises(ValueError, match="mine must have rows that differ, got 5 equal ones"):
        EMStepper({"mine": torch.ones(5, 2)})


def test_a_component_without_points_has_weight_0_and_the_climb_goes_on():
    widget = EMStepper(n_iterations=6)
    widget.moved = {"component": 0, "x": 1e9, "y": 1e9, "iteration": 2}
    widget.iteration = 8
    torch.testing.assert_close(widget.parameters.weights, torch.tensor([0.0, 1.0], dtype=torch.float64))
    assert np.isfinite(numbers(widget._path, 6)).all()
    single = m_step(x := load_old_faithful().points, x.new_ones(len(x), 1))
    assert widget.bounds[-1] == pytest.approx(float(e_step(x, single).log_prob.mean()), rel=1e-5)
