"""The speed of EM: one Markdown table, ours against scikit-learn and pomegranate.

python -m benchmarks.em                             every row, into benchmarks/results/em.md
python -m benchmarks.em full-60000x50 streamed      some rows, renewed in that file
"""

import argparse
import statistics
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from pomegranate.distributions import Normal
from pomegranate.gmm import GeneralMixtureModel
from sklearn.datasets import load_digits
from sklearn.mixture import GaussianMixture
from torch import Tensor

from benchmarks.measure import RESULTS, in_own_process, machine, peak_memory, product_rate, seconds
from course_utils.mixtures import MixtureParameters, em, fit_em
from course_utils.mixtures.parameters import posterior, sample_mixture
from course_utils.mixtures.sufficient_statistics import n_quadratic_features, precision_matrices

ROUNDS = 3
STREAMED_MILLIONS = 100
INTRODUCTION = """# Speed of EM

Written by `make bench`. In every row all engines start from the same parameters, three iterations after k-means, and
make the same number of iterations, in one process, in turn; the median of three rounds stays. Seconds are per
iteration: a long fit less a fit of one iteration, so that set-up counts for nobody. "Form" is how ours computed: as
matrix products, or by differences where rounding asks for it. "Share" is the arithmetic of the two products, 4·n·K·F
operations for F features, per second, as a part of the machine's rate in a product of square matrices, measured in the
same process. Memory is the data and the peak of two iterations, from a process of its own; the limit is 1.2 times the
data plus 200 MB. Δ is the relative difference between our final log-likelihood and that of the other engine.
Pomegranate knows float32 only, has no tied covariance, and its spherical one fails.
"""
HEADER = (
    "| components | n×d, K | dtype | form | ours, s | scikit-learn, s | ratio | pomegranate, s | ratio | share "
    "| ours, MB | limit, MB | scikit-learn, MB | pomegranate, MB | Δ scikit-learn | Δ pomegranate |\n|"
    + "---|"
    * 16
)


@dataclass(frozen=True)
class Row:
    """One size of problem, and the iterations that the long fit makes beyond the short one."""

    kind: str
    n: int
    d: int
    k: int
    iterations: int

    @property
    def name(self) -> str:
        """What the command line takes."""
        return f"{self.kind}-{self.n}x{self.d}"

    @property
    def operations(self) -> int:
        """Multiplications and additions of the two matrix products of an iteration."""
        return 4 * self.n * self.k * (n_quadratic_features(self.d, self.kind) + self.d + 1)


ROWS = [
    Row("full", 60_000, 50, 64, 3),
    Row("full", 60_000, 16, 32, 10),
    Row("full", 1_000_000, 2, 8, 5),
    Row("full", 1_797, 64, 10, 20),
    Row("diag", 60_000, 50, 64, 5),
    Row("tied", 60_000, 50, 64, 5),
    Row("spherical", 60_000, 50, 64, 10),
]


def overlapping_mixture(d: int, k: int, generator: torch.Generator) -> MixtureParameters:
    """Means about 5 widths apart, covariances with eigenvalues from 1 to about 3."""
    means = 3.5 * d**-0.5 * torch.randn(k, d, generator=generator, dtype=torch.float64)
    factors = torch.randn(k, d, d, generator=generator, dtype=torch.float64) * (0.5 / d) ** 0.5
    weights = torch.rand(k, generator=generator, dtype=torch.float64) + 0.5
    return MixtureParameters(weights / weights.sum(), means, torch.eye(d) + factors @ factors.mT)


def make_data(row: Row) -> Tensor:
    """Points (n, d) in float64: scikit-learn's digits, dequantised, or a mixture with overlap."""
    generator = torch.Generator().manual_seed(0)
    if row.n == 1_797:
        digits = torch.from_numpy(load_digits().data)
        return digits + torch.rand(digits.shape, generator=generator, dtype=torch.float64)
    return sample_mixture(overlapping_mixture(row.d, row.k, generator), row.n, generator=generator).points


def fit_ours(x: Tensor, start: MixtureParameters, row: Row, iterations: int) -> MixtureParameters:
    """The course's EM; every engine here fits so many times from `start` and returns its parameters."""
    fitted, _ = fit_em(x, row.k, covariance_type=row.kind, start=start, max_iter=iterations, tol=0)
    return fitted


def fit_sklearn(x: Tensor, start: MixtureParameters, row: Row, iterations: int) -> MixtureParameters:
    """scikit-learn, which wants precisions, (d, d) for tied and (K,) for spherical."""
    precisions = precision_matrices(start.covariances)
    squeezed = {"tied": precisions[0], "spherical": precisions[:, 0]}.get(row.kind, precisions)
    model = GaussianMixture(
        row.k,
        covariance_type=row.kind,
        weights_init=start.weights.numpy(),
        means_init=start.means.numpy(),
        precisions_init=squeezed.numpy(),
        max_iter=iterations,
        tol=0,
    ).fit(x.numpy())
    covariances = torch.from_numpy(model.covariances_).reshape(start.covariances.shape)
    return MixtureParameters(torch.from_numpy(model.weights_), torch.from_numpy(model.means_), covariances)


def fit_pomegranate(x: Tensor, start: MixtureParameters, row: Row, iterations: int) -> MixtureParameters:
    """Pomegranate, without its checks of the data; it writes into the tensors that it is given."""
    normals = [
        Normal(mean.clone(), covariance.clone(), covariance_type=row.kind, check_data=False)
        for mean, covariance in zip(start.means, start.covariances, strict=True)
    ]
    model = GeneralMixtureModel(
        normals, priors=start.weights.clone(), max_iter=iterations, tol=-float("inf"), check_data=False
    ).fit(x)
    means = torch.stack([normal.means.data for normal in normals])
    return MixtureParameters(model.priors.data, means, torch.stack([normal.covs.data for normal in normals]))


Engine = Callable[[Tensor, MixtureParameters, Row, int], MixtureParameters]
ENGINES: dict[str, Engine] = {"ours": fit_ours, "scikit-learn": fit_sklearn, "pomegranate": fit_pomegranate}


def engines(row: Row, dtype: torch.dtype) -> list[str]:
    """Who can do this row."""
    return [*ENGINES][: 3 if dtype == torch.float32 and row.kind in ("full", "diag") else 2]


def log_likelihood(x: Tensor, parameters: MixtureParameters) -> float:
    """Total in float64, by differences: the same judge for all."""
    parameters = MixtureParameters(*(part.double() for part in parameters))
    return sum(float(posterior(part.double(), parameters).log_prob.sum()) for part in x.split(50_000))


def time_row(row: Row, x: np.ndarray, arrays: list[np.ndarray]) -> dict:
    """Seconds per iteration and final log-likelihood of each engine, the machine's rate, and our form."""
    points, start = tensors(x, arrays)
    names = engines(row, points.dtype)
    times: dict[str, list[float]] = {name: [] for name in names}
    rates, fitted = [], {}

    def fit(name: str, iterations: int) -> None:
        fitted[name] = ENGINES[name](points, start, row, iterations)

    with patch.object(em, "statistics_by_differences", wraps=em.statistics_by_differences) as differences:
        for name in names:
            fit(name, 1)  # warm-up
        for _ in range(ROUNDS):
            product_rate(points.dtype)
            rates.append(product_rate(points.dtype))
            for name in names:
                short = seconds(lambda name=name: fit(name, 1))
                long = seconds(lambda name=name: fit(name, 1 + row.iterations))
                times[name].append((long - short) / row.iterations)
    return {
        "seconds": {name: statistics.median(values) for name, values in times.items()},
        "log_likelihood": {name: log_likelihood(points, parameters) for name, parameters in fitted.items()},
        "rate": statistics.median(rates),
        "form": "differences" if differences.called else "products",
    }


def memory_of_fit(row: Row, x: np.ndarray, arrays: list[np.ndarray], name: str) -> float:
    """Peak of two iterations and the data, in MB."""
    points, start = tensors(x, arrays)
    return peak_memory(lambda: ENGINES[name](points, start, row, 2)) + x.nbytes / 1e6


def tensors(x: np.ndarray, arrays: list[np.ndarray]) -> tuple[Tensor, MixtureParameters]:
    """Data and start as a new process gets them."""
    warnings.simplefilter("ignore")  # that nothing has converged
    return torch.from_numpy(x), MixtureParameters(*map(torch.from_numpy, arrays))


def line(row: Row, x: np.ndarray, result: dict, memory: dict[str, float]) -> str:
    """One line of the table."""
    took, likelihood = result["seconds"], result["log_likelihood"]
    dash = dict.fromkeys(ENGINES, "–")
    shown = dash | {name: f"{value:.4f}" for name, value in took.items()}
    ratio = dash | {name: f"{value / took['ours']:.1f}" for name, value in took.items()}
    peak = dash | {name: f"{value:.0f}" for name, value in memory.items()}
    apart = dash | {name: f"{abs(likelihood['ours'] / value - 1):.0e}" for name, value in likelihood.items()}
    share = row.operations / took["ours"] / result["rate"]
    cells = [
        *(row.kind, f"{row.n:,}×{row.d}, {row.k}", str(x.dtype), result["form"], shown["ours"]),
        *(shown["scikit-learn"], ratio["scikit-learn"], shown["pomegranate"], ratio["pomegranate"]),
        f"{share:.0%} of {result['rate'] / 1e9:.0f} G/s",
        *(peak["ours"], f"{1.2 * x.nbytes / 1e6 + 200:.0f}", peak["scikit-learn"], peak["pomegranate"]),
        *(apart["scikit-learn"], apart["pomegranate"]),
    ]
    return "| " + " | ".join(cells) + " |"


def lines(row: Row) -> Iterator[str]:
    """The lines of a row, float64 and float32, from the same data and start."""
    x = make_data(row)
    generator = torch.Generator().manual_seed(0)
    start, _ = fit_em(x, row.k, covariance_type=row.kind, max_iter=3, tol=0, generator=generator)
    for dtype in (torch.float64, torch.float32):
        points, *arrays = (part.to(dtype).numpy() for part in (x, *start))
        result = in_own_process(time_row, row, points, arrays)
        memory = {
            name: in_own_process(memory_of_fit, row, points, arrays, name) for name in engines(row, dtype)
        }
        yield line(row, points, result, memory)


class Stream:
    """Points in 2-D from 8 Gaussians, made anew, block by block, at each reading."""

    def __init__(self, millions: int) -> None:
        self.blocks = 2 * millions
        self.mixture = overlapping_mixture(2, 8, torch.Generator().manual_seed(0))
        self.factors = torch.linalg.cholesky(self.mixture.covariances)

    def __iter__(self) -> Iterator[Tensor]:
        generator = torch.Generator().manual_seed(1)
        for _ in range(self.blocks):
            noise = torch.randn(8, 62_500, 2, generator=generator, dtype=torch.float64)
            yield torch.baddbmm(self.mixture.means[:, None], noise, self.factors.mT).reshape(-1, 2)


def streamed(millions: int) -> tuple[float, float, float, float]:
    """Seconds per million points and iteration: in memory, to make a stream, of a stream; and its peak in MB."""
    warnings.simplefilter("ignore")
    stream, block = Stream(millions), torch.cat([*Stream(1)])

    def fit(x: object, iterations: int) -> None:
        fit_em(x, 8, start=stream.mixture, max_iter=iterations, tol=0)

    in_memory = [seconds(lambda: fit(block, 11)) - seconds(lambda: fit(block, 1)) for _ in range(ROUNDS)]
    making = [seconds(lambda: [len(x) for x in Stream(1)]) for _ in range(ROUNDS)]
    short = seconds(lambda: fit(stream, 1))
    took: list[float] = []
    peak = peak_memory(lambda: took.append(seconds(lambda: fit(stream, 2)) - short))
    return statistics.median(in_memory) / 10, statistics.median(making), took[0] / millions, peak


def streamed_line() -> str:
    """The sentence on the stream."""
    few, many = STREAMED_MILLIONS // 10, STREAMED_MILLIONS
    in_memory, making, took, peak = in_own_process(streamed, many)
    *_, small_peak = in_own_process(streamed, few)
    return (
        f"\nStreamed: {many} million points in 2-D, 8 full components, float64: {took:.3f} s per million points and "
        f"iteration, of which {making:.3f} s to make the points; {in_memory:.3f} s for a million in memory. "
        f"Peak memory {peak:.0f} MB, and {small_peak:.0f} MB for {few} million points."
    )


def table(names: list[str]) -> Iterator[str]:
    """The lines of the report, as they are measured."""
    yield f"{INTRODUCTION}\n{machine('scikit-learn', 'pomegranate')}\n\n{HEADER}"
    for row in ROWS:
        if row.name in names:
            yield from lines(row)
    if "streamed" in names:
        yield streamed_line()


def same_row(one: str, other: str) -> bool:
    """Whether two lines of the report are about the same thing: components, size and dtype, or the stream."""
    return (
        one.split("|")[:4] == other.split("|")[:4]
        if one.startswith("|")
        else one[:8] == other[:8] == "Streamed"
    )


def renew(report: Path, lines: Iterable[str]) -> None:
    """Put lines that were measured again into a report, in the place of the old ones."""
    new = [
        line for text in lines for line in text.strip().splitlines() if line.startswith(("| ", "Streamed"))
    ]
    kept = report.read_text(encoding="utf-8").splitlines()
    renewed = [next((line for line in new if same_row(line, old)), old) for old in kept]
    report.write_text("\n".join(renewed) + "\n", encoding="utf-8")


def main() -> None:
    """Print the table and store it; of some rows only, renew them in the stored one."""
    everything = [*(row.name for row in ROWS), "streamed"]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", nargs="*", metavar="ROW", help=", ".join(everything))
    names = parser.parse_args().rows or everything
    if unknown := set(names) - set(everything):
        parser.error(f"no row {', '.join(sorted(unknown))}; the rows are {', '.join(everything)}")
    warnings.simplefilter("ignore")  # that nothing has converged
    written, report = [], RESULTS / "em.md"
    RESULTS.mkdir(exist_ok=True)
    for text in table(names):
        print(text, flush=True)
        written.append(text)
        if names == everything:
            report.write_text("\n".join(written) + "\n", encoding="utf-8")
        elif report.exists():
            renew(report, [text])


if __name__ == "__main__":
    main()
