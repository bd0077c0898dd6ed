"""The estimator among scikit-learn's: its own checks, pipelines and searches."""

import os
import subprocess
import sys

import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from course_utils.data import load_digits, load_iris
from course_utils.mixtures import GaussianMixture


# The checks fit data that no mixture suits, with few iterations: those warnings are theirs.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks([GaussianMixture()])
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


def test_drops_into_a_pipeline_and_a_grid_search():
    images = load_digits().images.flatten(1).numpy()[:600]
    pipeline = make_pipeline(PCA(8, random_state=0), GaussianMixture(random_state=0, max_iter=300))
    grid = {"gaussianmixture__n_components": [1, 5], "gaussianmixture__covariance_type": ["full", "diag"]}
    search = GridSearchCV(pipeline, grid, cv=3).fit(images)
    scores = dict(
        zip(map(str, search.cv_results_["params"]), search.cv_results_["mean_test_score"], strict=True)
    )
    assert search.best_score_ == max(scores.values())
    assert search.best_params_["gaussianmixture__n_components"] == 5


def test_warm_start_goes_on():
    x = load_iris().points
    straight = GaussianMixture(3, random_state=0, max_iter=8, tol=0.0)
    halves = GaussianMixture(3, random_state=0, max_iter=4, tol=0.0, warm_start=True)
    with pytest.warns(match="did not converge in max_iter=8"):
        straight.fit(x)
    for _ in range(2):
        with pytest.warns(match="did not converge in max_iter=4"):
            halves.fit(x)
    torch.testing.assert_close(halves.parameters_.means, straight.parameters_.means)


def test_samples_follow_the_fit():
    x = load_iris().points
    model = GaussianMixture(1, random_state=0).fit(x)
    points, labels = model.sample(20_000)
    assert set(labels) == {0}
    error = points.mean(0) - x.mean(0).numpy()
    assert (abs(error) < 5 * x.std(0).numpy() / 20_000**0.5).all()


def test_scikit_learns_array_api_check():
    """That one is skipped above: SciPy has to be told before it is imported, so it takes a process of its own."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        __file__,
        "-k",
        "check_array_api_input",
        "-q",
        "-p",
        "no:cacheprovider",
    ]
    environment = os.environ | {"SCIPY_ARRAY_API": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert "1 passed" in done.stdout, done.stdout
