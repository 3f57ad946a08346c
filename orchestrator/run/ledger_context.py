"""Writing behind the training's back: an epoch is kept while the next one is trained."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor


class Behind:
    """One write at a time, in a thread of its own."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="write")
        self._writing: Future[None] | None = None

    def start(self, write: Callable[[], None]) -> None:
        """Start a write once the one before it is through; raises what that one raised."""
        self.wait()
        self._writing = self._thread.submit(write)

    def wait(self) -> None:
        """Until nothing is being written; raises what the last write raised, once."""
        writing, self._writing = self._writing, None
        if writing:
            writing.result()
