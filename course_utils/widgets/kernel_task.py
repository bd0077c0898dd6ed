"""Work that goes on in a kernel while the notebook stays usable."""

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

__all__ = ["KernelTask", "interruptible"]


class KernelTask:
    """A task of the event loop that runs the cells: it has its turns between them, and in the same thread."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._task: asyncio.Task[None] | None = None
        try:
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:  # no kernel
            self._loop = None

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._task is not None

    def start(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Begin, unless it is running.

        Raises:
            RuntimeError: where there is no event loop.
        """
        if self._task is None:
            loop = asyncio.get_running_loop()
            self._task = loop.create_task(work())

    def cancel(self) -> None:
        """End at the next place where the work gives others their turn."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def in_own_thread(self, action: Callable[[], object]) -> None:
        """Do something now, or, if this is another thread than the one of the cells, as soon as that one is free.

        JupyterLab has the messages of the browser delivered in a thread beside the cells.
        """
        if self._loop is None or threading.get_ident() == self._thread:
            action()
        else:
            self._loop.call_soon_threadsafe(action)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Within it, interrupting the kernel raises KeyboardInterrupt; outside cells, a kernel ignores interrupts."""
    ignored = threading.current_thread() is threading.main_thread() and (
        signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    )
    if ignored:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        if ignored:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
