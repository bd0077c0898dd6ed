"""Work on chunks side by side: what `map` gives, whatever the number of threads."""

import threading
import time

import pytest
import torch

from course_utils import training
from course_utils.data import gaussian_ring
from course_utils.mixtures import m_step
from course_utils.mixtures.chunks import ROWS_ALIGNED, Chunks, side_by_side
from course_utils.mixtures.em import describe
from course_utils.mixtures.sufficient_statistics import statistics_by_differences, statistics_by_product


def test_results_come_in_the_order_of_the_chunks():
    def slow_at_first(x):
        time.sleep(0.02 if x[0, 0] == 0 else 0)
        return float(x[0, 0])

    chunks = [torch.full((1, 1), float(i)) for i in range(10)]
    with training.threads(3), side_by_side() as spread:
        assert list(spread(slow_at_first, chunks)) == list(range(10))


def test_no_more_is_read_ahead_than_there_are_threads():
    finished = threading.Semaphore(0)
    read = []

    def chunks():
        for i in range(12):
            read.append(i)
            yield torch.zeros(1, 1)

    with training.threads(2), side_by_side() as spread:
        results = spread(lambda x: finished.release(), chunks())
        next(results)
        assert len(read) == 3
        next(results)
        assert len(read) == 4
        assert len(list(results)) == 10


def test_work_runs_on_one_thread_without_gradients_and_its_errors_arrive():
    def look(x):
        return torch.get_num_threads(), torch.is_grad_enabled(), threading.current_thread().name

    def fail(x):
        raise ArithmeticError("no")

    with training.threads(2):
        with side_by_side() as spread:
            for n_threads, grad, name in spread(look, [torch.zeros(1)] * 4):
                assert (n_threads, grad) == (1, False)
                assert name != threading.main_thread().name
            with pytest.raises(ArithmeticError, match="no"):
                list(spread(fail, [torch.zeros(1)] * 4))
        assert torch.get_num_threads() == 2, "as before"


@pytest.mark.parametrize("form", [statistics_by_product, statistics_by_differences])
def test_statistics_do_not_depend_on_the_number_of_threads(form):
    x = gaussian_ring(5000, std=0.2, generator=torch.Generator().manual_seed(0)).points.double()
    start = m_step(x, torch.softmax(torch.randn(len(x), 8, generator=torch.Generator().manual_seed(1)), 1))
    extra = (describe([x], "full")[0],) if form is statistics_by_product else ()
    with training.threads(1):
        expected = form(x.split(300), start, *extra, "full")
    for number in (2, 5):
        with training.threads(number), side_by_side() as spread:
            got = form(x.split(300), start, *extra, "full", spread=spread)
        for a, b in zip(got[1:], expected[1:], strict=True):
            assert torch.equal(a, b)


def test_chunks_are_pieces_of_at_most_so_many_rows():
    x = torch.arange(10.0)[:, None]
    assert [len(piece) for piece in Chunks(x, rows=4)] == [4, 4, 2]
    assert torch.equal(torch.cat([*Chunks(x, rows=4)]), x)


@pytest.mark.parametrize(("n", "at_most"), [(60_000, 3_584), (60_000, 1_792), (1_000, 256), (3_585, 3_584)])
def test_two_threads_get_equal_shares_of_whole_cache_lines(n, at_most):
    *equal, last = [len(piece) for piece in Chunks(torch.zeros(n, 1), rows=at_most)]
    assert sum(equal) + last == n
    assert len(equal) % 2 == 1, "with the last piece an even number"
    assert len(set(equal)) == 1
    assert equal[0] % ROWS_ALIGNED == 0
    assert equal[0] <= at_most
    assert equal[0] - last < ROWS_ALIGNED * (len(equal) + 1)  # what rounding up takes from the last one
