"""Whether notes are worth making: the sheet's economy, the forecast, the gate, and when notes are dropped."""

import pytest

from outlay.economics.amortisation import Investment
from outlay.economics.foreseeable import foreseeable
from outlay.money import Price
from outlay.sleep._account import account
from outlay.sleep._worth import Record, decide, expected, gate, kept_share, ledger
from outlay.store.contexts import Context, Notes, Use, context_id

PRICE = Price(1_000_000_000, 4_000_000_000, source="test", date="2026-01-01")
NOW = 10**15
TEXT = "A box holds 6 rows of 7 eggs. " * 20


def record(text=TEXT, *, expected=None, notes=(), uses=()):
    id = context_id(text)
    context = Context(id, "t", "box", text, "added", expected, None, 1)
    made = tuple(Notes("t", id, "notes/1", "m", "42 eggs", paid_nusd=paid) for paid in notes)
    return Record(context, made, tuple(uses))


def use(n, cost_nusd, *, noted=0, output=100, foreseen=-2.0, at_us=NOW):
    return Use(f"u{n}", "t", "c", noted, None, cost_nusd, 10, output, foreseen, at_us)


def decided(one, others=(), **more):
    return decide(one, others, **{"online": PRICE, "offline": PRICE, "now_us": NOW} | more)


@pytest.mark.parametrize(("n", "cost"), [(1, 1500), (2, 1000), (10, 600)])
def test_the_sheets_economy(n, cost):
    """s = 1000, b = 50, B = 250, t = 10."""
    notes = Investment(offline=1000, baseline=10 * 250, per_use=10 * 50)
    assert notes.cost_per_use(n) == cost
    assert notes.baseline == 2500
    assert notes.break_even().uses == 0.5
    assert Investment(1000, 10 * 100, 10 * 50).break_even().uses == 2
    assert notes.cost_per_use(10**9) == pytest.approx(500)


def test_what_was_measured_is_the_sheets_economy_too():
    """The ledger of a context whose costs are the sheet's tokens breaks even where the sheet says."""
    uses = [*(use(i, 2500) for i in range(4)), *(use(9 + i, 500, noted=1) for i in range(10))]
    known = ledger(record(notes=[1000], uses=uses))
    assert known.saving_nusd == 10 * 2000
    assert known.investment.break_even().uses == 0.5
    told = account(record(notes=[1000], uses=uses))
    assert told["break_even_questions"] == 0.5
    assert told["offline_usd"] == 1000 / 1e9


def test_notes_that_never_pay_back_say_so_with_null():
    uses = [use(1, 500), use(2, 600, noted=1)]
    assert account(record(notes=[1000], uses=uses))["break_even_questions"] is None
    assert account(record())["saved_usd"] is None
    assert account(record(notes=[None], uses=uses))["offline_usd"] is None


def test_nothing_is_made_for_a_context_that_nobody_asks_about():
    assert decided(record()).do == "leave"
    assert decided(record(expected=0)).do == "leave"
    assert decided(record(uses=[use(1, 1000, at_us=NOW - 8 * 86_400_000_000)])).do == "leave"


def test_notes_are_made_where_enough_questions_are_expected_and_only_there():
    few, many = decided(record(expected=1)), decided(record(expected=1000))
    assert (few.do, many.do) == ("leave", "make")
    assert many.investment.saving(1000) > 0 > few.investment.saving(1)
    first = many.investment.break_even().first
    assert decided(record(expected=first + 1)).do == "make"
    assert decided(record(expected=first - 1)).do == "leave"


def test_what_is_expected_is_what_was_said_less_what_came_else_last_weeks_questions():
    came = [use(i, 1000) for i in range(3)]
    assert expected(record(expected=10, uses=came), NOW) == 7
    assert expected(record(uses=came), NOW) == 3


def test_without_a_price_nobody_can_say():
    assert "unknown" in decided(record(expected=1000), online=None).why
    assert decided(record(expected=1000), offline=None).do == "leave"


def test_free_models_save_nothing():
    free = Price(0, 0, source="test", date="2026-01-01")
    assert decided(record(expected=1000), online=free, offline=free).do == "leave"


def test_the_price_of_the_notes_in_the_prompt_counts():
    """Where reading costs more than writing saves, notes never pay."""
    dear = Price(400_000_000_000, 4_000_000_000, source="test", date="2026-01-01")
    assert decided(record(expected=10**6), online=dear).do == "leave"


def test_notes_are_dropped_once_enough_questions_show_that_they_do_not_pay():
    plain = [use(i, 1000) for i in range(5)]
    dear = [use(100 + i, 1100, noted=1) for i in range(20)]
    cheap = [use(100 + i, 900, noted=1) for i in range(20)]
    assert decided(record(notes=[10], uses=[*plain, *dear])).do == "drop"
    assert decided(record(notes=[10], uses=[*plain, *dear[:19]])).do == "leave"
    assert decided(record(notes=[10], uses=[*plain, *cheap])).do == "leave"
    assert decided(record(notes=[10], uses=dear)).do == "leave"


def test_dropped_notes_are_not_made_again():
    one = record(notes=[10], expected=1000)
    dropped = Record(one.context, (Notes("t", "c", "notes/1", "m", "x", dropped="too dear"),), ())
    assert decided(dropped).do == "leave"


def test_the_share_that_notes_leave_is_measured_where_both_were_seen():
    plain = [use(i, 1000, output=100) for i in range(5)]
    noted = [use(9 + i, 200, noted=1, output=20) for i in range(5)]
    assert kept_share([]) == 0.5
    assert kept_share([record(uses=[*plain, *noted])]) == 0.2
    assert kept_share([record(uses=[*plain, *noted[:4]])]) == 0.5


def measured(n, score, saving):
    plain = [use(10 * n, 1000, foreseen=score)]
    noted = [use(10 * n + i + 1, 1000 - saving, noted=1, foreseen=score) for i in range(5)]
    return record(notes=[100], uses=[*plain, *noted])


def test_the_gate_keeps_out_contexts_whose_questions_cannot_be_foreseen():
    others = [
        *(measured(n, -9.0 - n, -500) for n in range(5)),
        *(measured(n, -1.0 - n / 9, 500) for n in range(5)),
    ]
    opened = gate(others)
    assert opened.opens(-1.0)
    assert not opened.opens(-9.0)
    unforeseen = record(expected=1000, uses=[use(1, 1000, foreseen=-10.0)])
    assert "foreseen" in decided(unforeseen, others).why
    foreseen = record(expected=1000, uses=[use(1, 10_000_000, output=2000, foreseen=-1.0)])
    assert decided(foreseen, others).do == "make"
    assert gate(others[:9]) is None


def test_how_well_a_context_foretells_a_question():
    near, far = foreseeable("How many eggs in the rows?", TEXT), foreseeable("Who won the cup?", TEXT)
    assert far < near < 0
    assert foreseeable("", TEXT) < 0
    assert foreseeable("eggs " * 50, TEXT) == pytest.approx(foreseeable("eggs", TEXT))
