"""How well time is used while models behind an interface are asked: 500 requests to a server on this machine.

The server runs in a process of its own and takes 50 ms for each answer. Ideal is that so many calls are out at every
moment as are allowed: 500 / limit × 50 ms. Nothing is asserted; nothing is written unless ``--record`` asks for it.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from diptych.bench import machine
from diptych.models.api_clients import APIClientFactory
from diptych.models.requests import Reply

ROOT = Path(__file__).resolve().parents[2]
LIBRARIES = ("openai", "anthropic", "httpx2", "anyio", "tenacity")
N_REQUESTS, LATENCY_S, LIMIT, N_RUNS = 500, 0.05, 10, 5  # the SDKs need 2 to 4 ms of processor time a request


@dataclass(frozen=True)
class Figure:
    """Of one provider and one server.

    Parameters
    ----------
    what : provider, and what the server does
    wall_s : of all requests, from a client that is new to the end: the median of the runs
    wall_s_min, wall_s_max : of the runs
    ideal_s : for the limit
    ratio : of the median to the ideal
    cpu_s : processor time of this process, the median
    n_calls : that the server saw, the median
    n_refused : of these, with status 429
    n_refused_ideal : what any client must bear
    high_water : most calls that were out at once
    """

    what: str
    wall_s: float
    wall_s_min: float
    wall_s_max: float
    ideal_s: float
    ratio: float
    cpu_s: float
    n_calls: float
    n_refused: float
    n_refused_ideal: float
    high_water: int


@contextmanager
def server(*flags: str) -> Iterator[str]:
    """The address of a new server."""
    command = [sys.executable, "-m", "tests.helpers.fault_server", "--latency-s", str(LATENCY_S), *flags]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


def run_once(provider: str, flags: tuple[str, ...]) -> dict[str, Any]:
    """Ask a new server with a new client; every request must be answered."""
    with server(*flags) as url:
        address = f"{url}/v1" if provider == "openai" else url
        options = {"concurrency": LIMIT}
        client = APIClientFactory.create_client(f"{provider}/model", "key", base_url=address, options=options)
        start, cpu = time.perf_counter(), time.process_time()
        answers = client.batch_request([f"Question {number}?" for number in range(N_REQUESTS)])
        took = {"wall_s": time.perf_counter() - start, "cpu_s": time.process_time() - cpu}
        lost = [answer for answer in answers if not isinstance(answer, Reply)]
        if lost:
            sys.exit(f"{len(lost)} requests were not answered: {lost[0]}")
        with urllib.request.urlopen(f"{url}/seen", timeout=10) as said:
            return {**took, **json.load(said)}


def measure(provider: str, what: str, flags: tuple[str, ...], n_refused_ideal: float) -> Figure:
    """The median of some runs after one that is not counted."""
    runs = [run_once(provider, flags) for _ in range(N_RUNS + 1)][1:]

    def median(name: str) -> float:
        return statistics.median([float(run[name]) for run in runs])

    walls = [run["wall_s"] for run in runs]
    ideal_s = math.ceil((N_REQUESTS + n_refused_ideal) / LIMIT) * LATENCY_S
    figure = Figure(
        f"{provider}, {what}",
        median("wall_s"),
        min(walls),
        max(walls),
        ideal_s,
        median("wall_s") / ideal_s,
        median("cpu_s"),
        median("n_calls"),
        median("n_rate_limited"),
        n_refused_ideal,
        max(run["high_water"] for run in runs),
    )
    print(
        f"{figure.what:<38} {figure.wall_s:5.2f} s ({min(walls):.2f} to {max(walls):.2f}), ideal {ideal_s:.2f}, "
        f"ratio {figure.ratio:.2f}, cpu {figure.cpu_s:.2f} s; {figure.n_refused:g} refused, "
        f"{n_refused_ideal:g} of them by any client; at most {figure.high_water} out at once",
        flush=True,
    )
    return figure


def main() -> None:
    """Measure, print, and with ``--record`` keep."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--record", action="store_true", help="keep the figures in benches/record")
    options = parser.parse_args()
    figures = [
        measure(provider, what, flags, must)
        for provider in ("openai", "anthropic")
        for what, flags, must in (
            ("every call is answered", (), 0.0),
            ("each fifth call is refused", ("--refuse-every", "5"), N_REQUESTS / 4),
        )
    ]
    if options.record:
        now = datetime.now(UTC)
        path = ROOT / "benches" / "record" / f"{now:%Y-%m-%d}-api.json"
        described = subprocess.run(
            ["git", "-C", str(ROOT), "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
        )
        record = {
            "date": f"{now:%Y-%m-%d}",
            "commit": described.stdout.strip(),
            "machine": machine.describe(LIBRARIES),
            "settings": {"n_requests": N_REQUESTS, "latency_s": LATENCY_S, "limit": LIMIT, "n_runs": N_RUNS},
            "figures": [asdict(figure) for figure in figures],
        }
        path.write_text(json.dumps(record, indent=1) + "\n")
        print(f"kept in {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
