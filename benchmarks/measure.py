"""What every benchmark needs: seconds, peak memory, the machine's speed, and a process of its own."""

import os
import platform
import re
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from threadpoolctl import threadpool_info

MEGABYTE = 1e6
RESULTS = Path(__file__).parent / "results"


def in_own_process(work: Callable[..., Any], *arguments: Any) -> Any:
    """The result of `work(*arguments)` from a new process, which inherits neither memory nor threads."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def peak_memory(work: Callable[[], object]) -> float:
    """Megabytes that a call adds at most to what the process holds before it (Linux only)."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far becomes what is held now
    before = memory("VmRSS")
    work()
    return memory("VmHWM") - before


def memory(field: str) -> float:
    """A field of /proc/self/status in megabytes."""
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) * 1024 / MEGABYTE


def product_rate(dtype: torch.dtype, size: int = 2048) -> float:
    """The machine's rate in a product of square matrices, in operations per second."""
    a, b, out = (torch.ones(size, size, dtype=dtype) for _ in range(3))
    return 2 * size**3 / seconds(lambda: torch.matmul(a, b, out=out))


def machine(*packages: str) -> str:
    """Cores, threads, BLAS and versions, for the head of a table of results."""
    blas = {f"{info['internal_api']} {info['version']}" for info in threadpool_info() if info["version"]}
    mkl = re.search(r"Math Kernel Library Version ([\d.]+)", torch.__config__.show())
    if mkl:
        blas.add(f"MKL {mkl[1]} (torch)")
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "numpy", *packages))
    return (
        f"{os.cpu_count()} cores ({platform.machine()}, {torch.backends.cpu.get_cpu_capability()}), "
        f"{torch.get_num_threads()} torch threads; {', '.join(sorted(blas))}; "
        f"Python {platform.python_version()}, {versions}."
    )
