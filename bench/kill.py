"""Kill a bench at random moments, resume it each time, and compare with one that was left alone.

    python bench/kill.py [--kills 20] [--seed 0]

The bench runs in a child process on a scripted and a recorded model under a cap that does not bind. The child
prints a line whenever a call starts upstream or an outcome is saved; the parent kills it (-9) after a random
number of lines. It must hold: the answers and the settled cost equal those of the undisturbed run, no settled
call is bought twice, and `lost` is the sum of the worst cases that were in flight at the kills.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from outlay.experiments import experiment
from outlay.models.provider import Provider
from outlay.models.recording_file import read
from outlay.models.scripted import scripted
from outlay.money import Price
from outlay.types import Request

ROOT = Path(__file__).resolve().parent.parent
RECORDING = "pool-q05-sums"
STRATEGIES = ("single", "self_consistency:n=4", "adaptive:n=8", "self_consistency:n=8")
PRICE = Price(150_000_000, 600_000_000)


def told(line: bytes) -> None:
    os.write(1, line + b"\n")


def halting() -> Provider:
    """A scripted model that takes a few milliseconds and tells when it is asked."""
    delays = random.Random(os.getpid())

    def say(request: Request, index: int) -> str:
        dice = random.Random(f"{request.question_id}/{index}")
        return f"The answer is {dice.choice((40, 41, 42, 42))} ."

    def gate(request: Request) -> asyncio.Future[None]:
        told(b"call")
        loop = asyncio.get_running_loop()
        ready = loop.create_future()
        loop.call_later(delays.random() * 0.004, lambda: ready.done() or ready.set_result(None))
        return ready

    return scripted(say, price=PRICE, gate=gate, max_n=3)


def write_task(path: Path, questions: int) -> None:
    """The recording's questions as a task."""
    held = read(RECORDING).questions[:questions]
    lines = ({"id": q.id, "messages": q.messages, "answer": q.reference, "kind": "number"} for q in held)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def child(folder: Path, questions: int) -> None:
    """Run, or go on with, the bench in `folder`."""
    spec = experiment.Spec(
        tasks=(str(folder.parent / "task.jsonl"),),
        models=("bench.kill:halting", f"recorded/{RECORDING}"),
        strategies=STRATEGIES,
        questions=questions,
        seed=3,
        max_usd=1000.0,
    )
    ledger = folder.with_suffix(".db")
    asyncio.run(experiment.run(spec, folder, store=ledger, on_outcome=lambda *_: told(b"outcome")))


def start(folder: Path, questions: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, __file__, "--child", str(folder), "--questions", str(questions)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env=environment, bufsize=0)


def lines_until(process: subprocess.Popen[bytes], most: int | None) -> int:
    """Read up to `most` lines; how many came."""
    assert process.stdout is not None
    n_lines = 0
    while (most is None or n_lines < most) and process.stdout.readline():
        n_lines += 1
    return n_lines


def in_flight_nusd(ledger: Path) -> int:
    """The worst cases of what the ledger shows as reserved."""
    with closing(sqlite3.connect(ledger)) as db:
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'calls'").fetchone():
            return 0
        return db.execute("SELECT COALESCE(SUM(bound_nusd), 0) FROM calls WHERE state = 'reserved'").fetchone()[
            0
        ]


def killed_run(folder: Path, questions: int, kills: int, n_lines: int, rng: random.Random) -> tuple[int, int]:
    """Kill and resume until `kills` are done, then let it end; returns (kills done, worst cases in flight)."""
    lost_nusd = n_kills = 0
    while n_kills < kills:
        process = start(folder, questions)
        wanted = rng.randint(1, max(2 * n_lines // (kills + 6), 1))
        came = lines_until(process, wanted)
        process.kill()
        process.communicate()
        if came < wanted and process.returncode == 0:
            return n_kills, lost_nusd
        if process.returncode != -9:
            raise SystemExit(f"the bench ended by itself with {process.returncode}")
        n_kills += 1
        lost_nusd += in_flight_nusd(folder.with_suffix(".db"))
        sweep(folder.with_suffix(".db"))
    process = start(folder, questions)
    lines_until(process, None)
    process.communicate()
    if process.returncode:
        raise SystemExit(f"the resumed bench ended with {process.returncode}")
    return n_kills, lost_nusd


def sweep(ledger: Path) -> None:
    """Mark what the killed process held, so that the next kill's worst cases are told apart from it."""

    async def mark() -> None:
        from outlay.store.sqlite import Sqlite

        store = await Sqlite.open(ledger)
        await store.sweep()
        await store.close()

    asyncio.run(mark())


def bought(ledger: Path) -> tuple[list[tuple[object, ...]], int, int]:
    """(model, question, first sample, n, cost) of every settled call, their sum, and the sum of what is lost."""
    with closing(sqlite3.connect(ledger)) as db:
        calls = db.execute(
            "SELECT model, question_id, sample, n, paid_nusd FROM calls WHERE state = 'settled' ORDER BY 1, 2, 3, 4"
        ).fetchall()
        lost = db.execute("SELECT COALESCE(SUM(paid_nusd), 0) FROM calls WHERE state = 'lost'").fetchone()[0]
    return calls, sum(call[-1] for call in calls), lost


def answers(folder: Path) -> list[tuple[object, ...]]:
    """What was answered and at what cost, without what depends on time."""
    return sorted(
        (
            o.task,
            o.model,
            o.strategy,
            o.question_id,
            o.answer,
            o.correct,
            o.cost_nusd,
            o.calls,
            o.input_tokens,
            o.output_tokens,
            o.stopped,
            o.missing,
        )
        for o in experiment.read_outcomes(folder)
    )


def compare(place: Path, *, questions: int, kills: int, seed: int) -> dict[str, object]:
    """Run both benches and check what must hold.

    Raises:
        AssertionError: it does not.
    """
    write_task(place / "task.jsonl", questions)
    calm, hard = place / "calm", place / "hard"
    process = start(calm, questions)
    n_lines = lines_until(process, None)
    process.communicate()
    assert process.returncode == 0, "the undisturbed bench failed"
    n_kills, in_flight = killed_run(hard, questions, kills, n_lines, random.Random(seed))
    calls, paid_nusd, _ = bought(calm.with_suffix(".db"))
    calls_hard, paid_hard_nusd, lost_nusd = bought(hard.with_suffix(".db"))
    assert answers(hard) == answers(calm), "the answers differ"
    assert len({call[:4] for call in calls_hard}) == len(calls_hard), "a settled call was bought twice"
    assert calls_hard == calls, "other calls were bought"
    assert paid_hard_nusd == paid_nusd, "the settled cost differs"
    assert lost_nusd == in_flight, "what is lost is not what was in flight"
    return {
        "kills": n_kills,
        "answers": len(answers(calm)),
        "settled_calls": len(calls),
        "settled_usd": paid_nusd / 1e9,
        "lost_usd": lost_nusd / 1e9,
        "equal": True,
    }


def main() -> None:
    """Print what was compared as JSON; exits with 1 where something differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--questions", type=int, default=40)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child is not None:
        child(given.child, given.questions)
        return
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(compare(Path(folder), questions=given.questions, kills=given.kills, seed=given.seed)))


if __name__ == "__main__":
    main()
