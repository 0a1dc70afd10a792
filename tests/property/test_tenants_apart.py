"""No tenant's context, note or job ever serves another: 10,000 random interleavings against a model."""

import json
import sqlite3
from random import Random

import pytest

from outlay.store import contexts, jobs, statements
from outlay.store import sleep_statements as sql
from outlay.store.contexts import Context, Notes, Use, context_id
from outlay.store.lease import mine
from outlay.store.migrate import migrate

TENANTS = ("a", "b", "c")
TEXTS = tuple(f"The same long handbook, part {n}. " + "It goes on and on. " * (n + 1) for n in range(3))
NAMES = ("handbook", "prices")
INTERLEAVINGS, STEPS = 10_000, 6
LEASE = mine(1)


@pytest.fixture
def db():
    made = sqlite3.connect(":memory:", isolation_level=None)
    migrate(made)
    values = (LEASE.id, LEASE.host, LEASE.boot, LEASE.pid, LEASE.started, 1)
    made.execute(statements.TAKE_LEASE, values)
    for tenant in TENANTS:
        made.execute(sql.SET_BUDGET, (tenant, 10**9))
    yield made
    made.close()


class Model:
    """What each tenant should have: contexts by name, and the notes on each."""

    def __init__(self):
        self.contexts = {tenant: {} for tenant in TENANTS}
        self.notes = {}
        self.waiting = set()

    def delete(self, tenant, id):
        self.contexts[tenant] = {n: t for n, t in self.contexts[tenant].items() if context_id(t) != id}
        self.notes.pop((tenant, id), None)
        self.waiting.discard((tenant, id))

    def add(self, tenant, name, text):
        if name in self.contexts[tenant] and self.contexts[tenant][name] != text:
            self.delete(tenant, context_id(self.contexts[tenant][name]))
        self.contexts[tenant] = {n: t for n, t in self.contexts[tenant].items() if t != text} | {name: text}


def add(db, model, rng, tenant, step):
    name, text = rng.choice(NAMES), rng.choice(TEXTS)
    assert contexts.add(db, Context(context_id(text), tenant, name, text, "added", None, None, step)) is None
    model.add(tenant, name, text)


def delete(db, model, rng, tenant, step):
    id = context_id(rng.choice(TEXTS))
    contexts.delete(db, tenant, id)
    model.delete(tenant, id)


def wait(db, model, rng, tenant, step):
    """A job of this tenant on any text, whether it has it as a context or not."""
    id = context_id(rng.choice(TEXTS))
    detail = json.dumps({"context": id})
    db.execute(sql.ADD_JOB, (f"{id}.{tenant}.{step}", "digest_context", tenant, detail, step, ""))


def work(db, model, rng, tenant, step):
    """Whoever's job is next is done with notes that say whose they are, claiming to be somebody else's."""
    job = jobs.lease(db, LEASE.id, f"claim {step}", 10**6 + step, most_nusd=10)
    if job is None:
        return
    id = json.loads(job.detail)["context"]
    notes = Notes(tenant, id, "notes/1", "m", f"notes of {job.tenant}")
    assert jobs.finish(db, job, "done", "", notes, 10**6 + step)
    if any(context_id(t) == id for t in model.contexts[job.tenant].values()):
        model.notes[job.tenant, id] = notes.text


def write(db, model, rng, tenant, step):
    """Notes by hand, on a context that the tenant has."""
    for text in model.contexts[tenant].values():
        contexts.put_notes(
            db, Notes(tenant, context_id(text), "notes/1", "m", f"notes of {tenant}", at_us=step)
        )
        model.notes[tenant, context_id(text)] = f"notes of {tenant}"
        return


def use(db, model, rng, tenant, step):
    found = contexts.held_by(db, tenant, (rng.choice(TEXTS) + "What is in it?",))
    if found is not None:
        row = Use(f"{tenant} {step}", tenant, found.id, 1, 3, 100, 1, 1, -1.0, step)
        db.execute(sql.ADD_USE, (*(getattr(row, name) for name in row.__struct_fields__),))


def check(db, model, tenant):
    """What the tenant can see is what it should have, by every way of looking."""
    own = model.contexts[tenant]
    assert {c.name: c.text for c in contexts.listed(db, tenant)} == own
    for text in TEXTS:
        id = context_id(text)
        found = contexts.held_by(db, tenant, (f"{text}What is in it?",))
        held = [t for t in own.values() if text.startswith(t)]
        assert (None if found is None else found.text) == max(held, key=len, default=None)
        named = contexts.named(db, tenant, id)
        assert (named is not None) == (text in own.values())
        assert named is None or named.tenant == tenant
        notes = contexts.notes_of(db, tenant, id)
        assert [n.text for n in notes] == [t for (o, i), t in model.notes.items() if (o, i) == (tenant, id)]
        assert all(n.tenant == tenant and n.text == f"notes of {tenant}" for n in notes)
        assert all(u.tenant == tenant and u.id.startswith(tenant) for u in contexts.uses_of(db, tenant, id))


@pytest.mark.timeout(120)
def test_ten_thousand_interleavings(db):
    rng = Random(7)
    does = (add, add, delete, wait, work, write, use)
    seen = 0
    for number in range(INTERLEAVINGS):
        db.execute("SAVEPOINT start")
        model = Model()
        for step in range(STEPS):
            rng.choice(does)(db, model, rng, rng.choice(TENANTS), number * STEPS + step)
        check(db, model, rng.choice(TENANTS))
        seen += len(model.notes)
        db.execute("ROLLBACK TO start")
        db.execute("RELEASE start")
    assert seen > 500
