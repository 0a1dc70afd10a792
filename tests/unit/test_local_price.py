"""A local model's price: measured with a fake clock of processor time, written once, frozen."""

from __future__ import annotations

from pathlib import Path

import pytest

from outlay.errors import BadReply, UsageError
from outlay.models import price_book
from outlay.models.calibrate import OUTPUT_TOKENS, calibrate, price
from outlay.money import Price
from outlay.types import Delta, Request, Usage


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OUTLAY_HOME", str(tmp_path))
    return tmp_path


class Machine:
    """A pretended machine: 0.01 core-seconds to read a token, 0.05 to write one; half of a prompt is cached."""

    def __init__(self, *, short: int = 0) -> None:
        self.core_s, self.most_at_once, self._short = 0.0, 0, short

    async def stream(self, request: Request):
        self.most_at_once = max(self.most_at_once, request.n)
        assert request.sampling.extra == {"ignore_eos": True}
        self.core_s += 0.01 * 50
        written = request.max_output_tokens - self._short
        for i in range(written):
            self.core_s += 0.05 * request.n if i else 0.0
            for choice in range(request.n):
                yield Delta(choice=choice, text="x")
        for choice in range(request.n):
            yield Delta(
                choice=choice if request.n > 1 else None, usage=Usage(100, written, cache_read_tokens=50)
            )


async def test_the_price_is_what_the_cores_cost_while_they_work():
    machine = Machine()
    measured = await calibrate(machine, slots=4, cores=2, core_s=lambda: machine.core_s)  # pyright: ignore
    expected = price(0.01, 0.05)
    assert measured.input_nusd_per_mtok == pytest.approx(expected.input_nusd_per_mtok)
    assert measured.output_nusd_per_mtok == pytest.approx(expected.output_nusd_per_mtok)
    assert measured.cache_read_nusd_per_mtok == 0
    assert machine.most_at_once == 4
    assert "10.0 core-ms an input token, 50.0 an output token, 4 slots busy on 2 cores" in measured.source
    assert len(measured.date) == len("2026-11-25")


async def test_a_model_that_stops_short_has_no_price():
    machine = Machine(short=OUTPUT_TOKENS - 1)
    with pytest.raises(BadReply, match="cannot be measured"):
        await calibrate(machine, slots=2, cores=1, core_s=lambda: machine.core_s)  # pyright: ignore


def test_a_core_hour_costs_four_cents():
    # One token a core-hour: the token costs the hour.
    assert price(3600, 3600) == Price(40_000_000 * 10**6, 40_000_000 * 10**6, 0)


def test_the_first_price_written_holds():
    first, second = price(1, 2, source="first"), price(3, 4, source="second")
    assert price_book.find("ab", 8, 2) is None
    assert price_book.freeze("ab", 8, 2, first) == first
    assert price_book.freeze("ab", 8, 2, second) == first
    assert price_book.find("ab", 8, 2) == first


@pytest.mark.parametrize("other", [("cd", 8, 2), ("ab", 4, 2), ("ab", 8, 1)])
def test_other_settings_have_a_price_of_their_own(other: tuple[str, int, int]):
    price_book.freeze("ab", 8, 2, price(1, 2))
    assert price_book.find(*other) is None
    assert price_book.freeze(*other, price(5, 6)) == price(5, 6)
    assert price_book.find("ab", 8, 2) == price(1, 2)


def test_a_damaged_book_is_one_sentence():
    price_book.book_path().write_text("{")
    with pytest.raises(UsageError, match=r"price book .*prices\.json is damaged"):
        price_book.find("ab", 8, 2)
