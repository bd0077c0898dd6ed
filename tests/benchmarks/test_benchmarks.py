"""The instruments of the benchmarks, and that all engines climb the same hill."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.measure import in_own_process, peak_memory
from course_utils.data import gaussian_ring
from course_utils.mixtures import fit_em, m_step

pytestmark = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="reads Linux's /proc")
MEGABYTES = 10**6


def hold(megabytes):
    return peak_memory(lambda: np.ones(megabytes * MEGABYTES, np.uint8))


def test_peak_memory_counts_what_a_call_holds_and_nothing_before_it():
    peaks = [in_own_process(hold, 300)]
    before = np.ones(500 * MEGABYTES, np.uint8)  # of this process, when the next one starts
    peaks.append(in_own_process(hold, 300))
    assert peaks == pytest.approx([300, 300], abs=10)
    assert len(before)


def fit_at_the_first_size():
    x = torch.randn(60_000, 50, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    nearest = torch.arange(len(x)) % 16
    start = m_step(x, torch.nn.functional.one_hot(nearest).double())
    return peak_memory(lambda: fit_em(x, 16, start=start, max_iter=2, tol=0.0)), x.nbytes / MEGABYTES


def test_em_holds_at_most_1_2_times_the_data_and_200_megabytes():
    peak, data = in_own_process(fit_at_the_first_size)
    assert data + peak < 1.2 * data + 200, "all the features would be 636 MB"


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
def test_all_engines_make_the_same_iterations(kind, monkeypatch):
    pytest.importorskip("pomegranate", reason="of the extra `bench`")
    from benchmarks import em

    row = replace(em.ROWS[0], kind=kind, n=2000, d=2, k=8, iterations=20)
    x = gaussian_ring(row.n, std=0.2, generator=torch.Generator().manual_seed(0)).points.double()
    nearest = (x @ torch.randn(2, 8, generator=torch.Generator().manual_seed(1)).double()).argmax(1)
    begin = m_step(x, 0.9 * torch.nn.functional.one_hot(nearest, 8) + 0.1 / 8, covariance_type=kind)
    monkeypatch.setattr(em, "product_rate", lambda dtype: 1.0)
    for dtype, tolerance in ((torch.float64, 1e-8), (torch.float32, 1e-4)):
        points, *arrays = (part.to(dtype).numpy() for part in (x, *begin))
        result = em.time_row(row, points, arrays)
        likelihoods = [*result["log_likelihood"].values()]
        assert len(likelihoods) == (3 if dtype == torch.float32 and kind in ("full", "diag") else 2)
        assert likelihoods == pytest.approx([likelihoods[0]] * len(likelihoods), rel=tolerance)
        assert result["form"] == "products"
        before = em.log_likelihood(*em.tensors(points, arrays))
        assert likelihoods[0] - before > 100 * tolerance * abs(before), "so that equal is no accident"


def test_rows_measured_again_take_the_place_of_the_old_ones(tmp_path):
    pytest.importorskip("pomegranate", reason="of the extra `bench`")
    from benchmarks import em

    report = tmp_path / "em.md"
    old = [
        "# Speed",
        em.HEADER,
        "| full | 9×2, 3 | float32 | 1 |",
        "| full | 9×2, 3 | float64 | 2 |",
        "",
        "Streamed: 5",
    ]
    report.write_text("\n".join(old) + "\n")
    em.renew(report, ["| full | 9×2, 3 | float64 | 7 |", "\nStreamed: 8", "| tied | 9×2, 3 | float64 | 0 |"])
    expected = ["# Speed", em.HEADER, old[2], "| full | 9×2, 3 | float64 | 7 |", "", "Streamed: 8"]
    assert report.read_text() == "\n".join(expected) + "\n"
