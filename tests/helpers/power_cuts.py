"""A store on a file system that loses its power, again and again: ``python -m tests.helpers.power_cuts``."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from diptych._types import Vectors
from diptych.embeddings.cache import EmbeddingCache
from tests.helpers.forgetful import mount, serve

SPACE, PASSING, DIM, BATCH, MANY = "m@1", "m@0", 16, 64, 10_000
_FORK = multiprocessing.get_context("fork")


def batch(number: int) -> tuple[list[str], Vectors]:
    """Texts and vectors of one batch."""
    rng = np.random.default_rng(number)
    return [f"{number}/{i}" for i in range(BATCH)], rng.standard_normal((BATCH, DIM), dtype=np.float32)


def write(told: Connection, store: str, first: int, *, removes: bool) -> None:
    """Put batch after batch and tell each that is stored; remove others, so that these are moved."""
    cache = EmbeddingCache(store)
    for number in range(first, first + MANY):
        cache.put_many(SPACE, *batch(number))
        told.send(number)
        if removes and number % 5 == 4:
            cache.put_many(PASSING, [str(number)], np.ones((1, DIM), np.float32))
            cache.gc(spaces=[PASSING])


def read(told: Connection, store: str, numbers: list[int]) -> None:
    """Tell how many rows of each batch are there, -1 where one is wrong, and how many faults `verify` finds."""
    cache, rows = EmbeddingCache(store), []
    for number in numbers:
        texts, expected = batch(number)
        vectors, found = cache.get_many(SPACE, texts, DIM)
        rows.append(int(found.sum()) if (vectors[found] == expected[found]).all() else -1)
    told.send((rows, len(cache.verify())))


def until_cut(told: Connection, work: Callable[..., None], *args: Any, **options: Any) -> None:
    """Do work that goes on until the power is gone."""
    try:
        work(told, *args, **options)
    except OSError:
        os._exit(1)


class Disk:
    """The file system, mounted on a folder, and its power.

    Parameters
    ----------
    folder : where to mount
    syncs : whether it keeps what is synced
    """

    def __init__(self, folder: str, *, syncs: bool = True) -> None:
        self._folder, device = folder, mount(folder)
        self._orders, end = _FORK.Pipe()
        _FORK.Process(target=serve, args=(folder, device, end), kwargs={"syncs": syncs}, daemon=True).start()
        os.close(device)
        end.close()

    def start(self, work: Callable[..., None], *args: Any, **options: Any) -> tuple[Any, Connection]:
        """A process that does the work in the folder, and what it tells."""
        os.chdir(self._folder)
        told, end = _FORK.Pipe(duplex=False)
        process = _FORK.Process(target=work, args=(end, *args), kwargs=options, daemon=True)
        process.start()
        end.close()
        os.chdir("/")
        return process, told

    def cut(self, kept: float, seed: int) -> None:
        """Cut the power, keep that share of what was not synced, and mount what is left."""
        self._orders.send((kept, seed))
        self._orders.recv()


def heard(told: Connection) -> list[int]:
    """All that a writer told before its end."""
    numbers = []
    try:
        while told.poll():
            numbers.append(told.recv())
    except EOFError:
        pass
    return numbers


def main(folder: str, store: str, n_rounds: int, *, syncs: bool = True, removes: bool = False) -> dict[str, int]:
    """Cut the power of a writer so often.

    Parameters
    ----------
    folder : where to mount
    store : path in it, relative to it or from the root
    n_rounds : cuts; in a third of them nothing survives that was not synced, in a third some, in a third everything
    syncs : whether the file system keeps what is synced
    removes : whether the writer removes vectors too

    Returns
    -------
    dict
        Batches that were ``stored``, those of them that are ``lost``, those of which a part is there, faults.
    """
    disk, draw, stored = Disk(folder, syncs=syncs), random.Random(0), set[int]()
    counts = dict.fromkeys(("stored", "lost", "in part", "faults"), 0)
    for number in range(n_rounds):
        writer, told = disk.start(until_cut, write, store, number * MANY, removes=removes)
        if number % 2 == 0:
            told.poll(10)  # every other time it is not cut before its first batch
        time.sleep(0.02 + 0.2 * draw.random())
        disk.cut(number % 3 / 2, number)
        writer.kill()
        writer.join()
        new = heard(told)
        stored.update(new)
        asked = [*sorted(stored), new[-1] + 1 if new else number * MANY]  # the last may have been under way
        rows, n_faults = disk.start(read, store, asked)[1].recv()
        lost = {one for one, n in zip(asked, rows, strict=True) if n != BATCH} & stored
        stored -= lost
        parts = sum(n not in (0, BATCH) for n in rows)
        for name, n in zip(counts, (len(new), len(lost), parts, n_faults), strict=True):
            counts[name] += n
    return counts


if __name__ == "__main__":
    at, path, rounds, how = sys.argv[1:]
    found = main(at, path, int(rounds), syncs=how != "forgets", removes=how == "removes")
    sys.stdout.write(json.dumps(found))
