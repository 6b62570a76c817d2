"""Work in batches that get smaller when memory runs out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

R = TypeVar("R")


def in_batches(
    lengths: Sequence[int], run: Callable[[Sequence[int]], Sequence[R]], *, batch_size: int
) -> Iterator[tuple[int, R | None]]:
    """Run all items, those of like length together and the longest first; a batch that needs too much memory is halved.

    Parameters
    ----------
    lengths : of the items, in tokens
    run : takes the numbers of some items, gives their results in that order; these must not depend on the batch
    batch_size : most items at once

    Yields
    ------
    (int, result)
        number of an item and its result; None if memory does not even suffice for it alone
    """
    waiting = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    size = batch_size
    while waiting:
        batch = waiting[:size]
        results = _run(run, batch)
        if results is None and len(batch) > 1:
            size = (len(batch) + 1) // 2
            continue
        del waiting[: len(batch)]
        yield from zip(batch, [None] if results is None else results, strict=True)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that there was no memory, on a GPU or for the processor.

    Parameters
    ----------
    error : that was raised

    Examples
    --------
    >>> is_out_of_memory(MemoryError()), is_out_of_memory(RuntimeError("shapes differ"))
    (True, False)
    """
    named = any(kind.__name__ == "OutOfMemoryError" for kind in type(error).__mro__)
    return named or isinstance(error, MemoryError) or "can't allocate memory" in str(error)


def _run(run: Callable[[Sequence[int]], Sequence[R]], batch: Sequence[int]) -> Sequence[R] | None:
    import torch

    try:
        return run(batch)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return None
