"""Finding the 8 nearest of 100,000 vectors, exactly, on one core.

python bench/vectors.py [--n 100000] [--dimensions 384] [--queries 30]

Random unit vectors. Medians over the queries: the search over the matrix in memory, by the clock and in processor time
(which other work on the machine disturbs less); the whole verb of the store with its thread, its check for news and the
eight texts from the file, of which filling the copy once is told apart; and the embedding of one question with
`words/384`. Prints JSON. Aim: the search at most 30 ms on one core.
"""

from __future__ import annotations

import os

os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from outlay.models.words import words
from outlay.store.kept import Demonstration, Kept
from outlay.store.sqlite import Sqlite
from outlay.store.vectors import Index

BATCH = 5000
QUESTION = "State the final answer to the following arithmetic problem: 45 + 41 - 17 ="


def unit(rng: np.random.Generator, n: int, dimensions: int) -> np.ndarray:
    made = rng.standard_normal((n, dimensions)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def median_ms(
    run: Callable[[int], object], times: int, clock: Callable[[], float] = time.perf_counter
) -> float:
    taken = []
    for i in range(times):
        start = clock()
        run(i)
        taken.append(clock() - start)
    return round(1000 * statistics.median(taken), 2)


def demonstration(i: int, vector: bytes) -> Demonstration:
    return Demonstration(
        "s", f"d{i}", f"d{i}", 0, QUESTION, "", "", "45 + 41 = 86", "69", "m", "p", False, vector
    )


async def through_the_store(matrix: np.ndarray, queries: np.ndarray) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        store = await Sqlite.open(Path(folder) / "l.db")
        for at in range(0, len(matrix), BATCH):
            some = tuple(demonstration(at + i, row.tobytes()) for i, row in enumerate(matrix[at : at + BATCH]))
            kept = Kept(some, most=10**6)
            await store.save_answer(f"t{at}", "r", "q", "{}", "", 0, kept=kept)
        start = time.perf_counter()
        await store.nearest("local", "s", queries[0].tobytes(), 8)
        first_s = time.perf_counter() - start
        taken = []
        for query in queries:
            start = time.perf_counter()
            assert len(await store.nearest("local", "s", query.tobytes(), 8)) == 8
            taken.append(time.perf_counter() - start)
        await store.close()
    return {"verb_ms": round(1000 * statistics.median(taken), 2), "first_fill_s": round(first_s, 2)}


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--n", type=int, default=100_000)
    options.add_argument("--dimensions", type=int, default=384)
    options.add_argument("--queries", type=int, default=30)
    given = options.parse_args()
    rng = np.random.default_rng(1)
    matrix, queries = (unit(rng, n, given.dimensions) for n in (given.n, given.queries))
    index = Index("local", "s")
    index.append([(i + 1, f"d{i}", f"d{i}", row.tobytes()) for i, row in enumerate(matrix)])

    def search(i: int) -> None:
        index.nearest(queries[i], 8)

    search_ms = median_ms(search, given.queries)
    cpu_ms = median_ms(search, given.queries, time.process_time)
    embedder = words(str(given.dimensions))
    embed_ms = median_ms(lambda i: embedder._one(f"{QUESTION} {i}"), given.queries)
    told = {
        "n": given.n,
        "dimensions": given.dimensions,
        "search_ms": search_ms,
        "search_cpu_ms": cpu_ms,
        "embed_ms": embed_ms,
    }
    print(json.dumps(told | asyncio.run(through_the_store(matrix, queries)), indent=2))


if __name__ == "__main__":
    main()
