"""The processes that runs are spread over."""

import gc
from concurrent.futures import ProcessPoolExecutor

MIN_OBJECTS = (
    100_000  # between two garbage collections: a run leaves few cycles, and the default, 700, took 8 % of its time
)


def pool(processes: int) -> ProcessPoolExecutor:
    """So many processes, which seldom collect garbage; to be used as a context manager."""
    return ProcessPoolExecutor(processes, initializer=_collect_seldom)


def _collect_seldom() -> None:
    gc.freeze()
    gc.set_threshold(MIN_OBJECTS)
