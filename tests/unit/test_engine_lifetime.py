"""An `Outlay` over its life: what it counts when it resumes, and that it closes everything it opened."""

import socket
import sqlite3
from contextlib import closing

import pytest

from outlay.budget import Limits
from outlay.config import Config, read
from outlay.engine import Outlay
from outlay.errors import BudgetExceeded, UsageError
from outlay.testing import FIXED, scripted, shop
from outlay.types import Question, Sampling

ASK = Question.of("What is 6 times 7 ?", id="q", kind="number", sampling=Sampling(max_output_tokens=20))


def model(**more):
    return scripted(lambda r, i: "it is 42", **{"price": FIXED} | more)


async def test_a_resumed_run_counts_what_it_spent_before(tmp_path):
    paid = []
    for _ in range(2):
        async with shop(model(), store=tmp_path / "l.db", run_id="r", limits=Limits(nusd=300_000)) as outlay:
            assert outlay.budget.settled["nusd"] == sum(paid)
            paid.append((await outlay.ask(ASK)).paid_nusd)
    async with shop(model(), store=tmp_path / "l.db", run_id="r", limits=Limits(nusd=sum(paid))) as outlay:
        with pytest.raises(BudgetExceeded, match="is spent"):
            await outlay.ask(ASK)
    async with shop(model(), store=tmp_path / "l.db", run_id="another") as outlay:
        assert outlay.budget.settled["nusd"] == 0


async def test_what_a_killed_process_held_counts_in_every_dimension(tmp_path):
    path = tmp_path / "l.db"
    async with shop(model(), store=path, run_id="r") as outlay:
        await outlay.ask(ASK)
    with closing(sqlite3.connect(path)) as db, db:  # as a process of an earlier boot would have left it
        db.execute("UPDATE calls SET state = 'reserved', paid_nusd = NULL, cost_nusd = NULL, lease_id = 'dead'")
        bound = db.execute(
            "SELECT bound_nusd, bound_input_tokens, bound_output_tokens, n FROM calls"
        ).fetchone()
        db.execute("INSERT INTO leases VALUES ('dead', ?, 'another boot', 1, '1', 0)", (socket.gethostname(),))
    async with shop(model(), store=path, run_id="r") as outlay:
        settled = outlay.budget.settled
        assert (settled["nusd"], settled["input_tokens"], settled["output_tokens"], settled["calls"]) == bound


async def test_cached_answers_use_up_no_calls_of_a_resumed_run(tmp_path):
    for calls in (1, 1):
        limits = Limits(calls=calls)
        async with shop(model(), store=tmp_path / "l.db", run_id="r", limits=limits, cache=True) as outlay:
            assert (await outlay.ask(ASK)).key == "42"
            assert outlay.budget.settled["calls"] == 1


async def test_closing_goes_on_where_one_provider_fails_to_close():
    closed = []

    class stubborn(scripted):
        async def close(self):
            closed.append(self)
            raise OSError("will not close")

    models = {"default": stubborn(lambda r, i: "42"), "judge": stubborn(lambda r, i: "42")}
    outlay = Outlay(models, store=":memory:", config=Config())
    with pytest.raises(OSError, match="will not close"):
        async with outlay:
            await outlay.ask(ASK)
    assert len(closed) == 2
    assert not outlay.store._writer.running


@pytest.mark.parametrize(("text", "level"), [("", 1), ('durability = "power"', 2)])
async def test_durability_is_set_in_the_configuration(tmp_path, text, level):
    (tmp_path / "outlay.toml").write_text(text)
    config = read(tmp_path / "outlay.toml")
    async with Outlay(model(), store=tmp_path / "l.db", config=config) as outlay:
        assert (
            await outlay.store._writer.run(lambda db: db.execute("PRAGMA synchronous").fetchone()[0]) == level
        )


def test_an_unknown_durability_is_one_sentence(tmp_path):
    (tmp_path / "outlay.toml").write_text('durability = "forever"')
    with pytest.raises(UsageError, match="durability"):
        read(tmp_path / "outlay.toml")
