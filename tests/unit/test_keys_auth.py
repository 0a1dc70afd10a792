"""A header becomes a caller by what the store says of its key, and by nothing else."""

import hashlib
import sqlite3
from contextlib import closing

import pytest
from quotas import key

from outlay.door.session import Account
from outlay.errors import KeyRefused, NotAllowed, UsageError
from outlay.gateway.auth import Caller, authenticate
from outlay.gateway.keys import BUY, OPERATE, READ, ROLES, hash_of, new_key
from outlay.store.keys import Scope
from outlay.store.quota import Quota
from outlay.store.sqlite import Sqlite


@pytest.fixture(params=["file", "memory"])
async def store(request, tmp_path):
    opened_store = await Sqlite.open(tmp_path / "ledger.db" if request.param == "file" else ":memory:")
    yield opened_store
    await opened_store.close()


async def caller(store, authorization, *, loopback=False, keys_exist=True):
    return await authenticate(store, authorization, loopback=loopback, keys_exist=keys_exist)


async def test_a_key_becomes_its_tenant_role_scope_and_quota(store):
    scope = Scope(models=("a",), fan_out=4)
    id, secret = await key(store, tenant="acme", role="reader", scope=scope, concurrency=3)
    found = await caller(store, f"Bearer {secret}")
    assert found == Caller("acme", id, frozenset({READ}), scope, Quota(concurrency=3), "ci")
    assert await caller(store, f"bearer  {secret} ") == found
    assert found.account("x") == Account("acme", id, "x")


@pytest.mark.parametrize(
    ("authorization", "said"),
    [
        (None, "needs a key"),
        ("", "needs a key"),
        ("Bearer", "needs a key"),
        ("Bearer   ", "needs a key"),
        ("Basic c2stb3V0bGF5LTE=", "needs a key"),
        ("Bearer sk-proj-of-someone-else", "not a key of this server"),
        ("Bearer sk-outlay-" + "A" * 43, "not known here"),
        ("Bearer sk-outlay-", "not known here"),
        ("Bearer sk-outlay-\ud800", "not known here"),
        ("Bearer sk-outlay-' OR 1=1 --", "not known here"),
    ],
)
async def test_anything_else_is_a_401_in_one_sentence(store, authorization, said):
    await key(store)
    with pytest.raises(KeyRefused, match=said) as told:
        await caller(store, authorization)
    assert told.value.status == 401


async def test_neither_hash_nor_prefix_of_a_key_opens_anything(store):
    id, secret = await key(store)
    (kept,) = await store.keys()
    for guess in (kept.hash, kept.prefix, id, secret[:-1], secret + "A", secret.lower()):
        with pytest.raises(KeyRefused):
            await caller(store, f"Bearer {guess}")


async def test_a_revoked_key_stops_at_once(store):
    id, secret = await key(store)
    await caller(store, f"Bearer {secret}")
    await store.revoke_key(id, 2)
    with pytest.raises(KeyRefused, match="revoked"):
        await caller(store, f"Bearer {secret}")


async def test_a_key_revoked_by_another_process_stops_at_once(tmp_path):
    server, command = await Sqlite.open(tmp_path / "l.db"), await Sqlite.open(tmp_path / "l.db")
    id, secret = await key(command)
    await caller(server, f"Bearer {secret}")
    await command.revoke_key(id, 2)
    with pytest.raises(KeyRefused, match="revoked"):
        await caller(server, f"Bearer {secret}")
    await command.close()
    await server.close()


async def test_this_machines_user_needs_no_key_until_there_is_one(store):
    assert not await store.any_key()
    for authorization in (None, "Bearer whatever-the-client-sends", "Bearer sk-outlay-unknown"):
        found = await caller(store, authorization, loopback=True, keys_exist=False)
        assert found == Caller("local", None, ROLES["operator"], Scope(), Quota())
    with pytest.raises(KeyRefused):
        await caller(store, None, loopback=False, keys_exist=False)
    id, _ = await key(store)
    await store.revoke_key(id, 2)
    assert await store.any_key()
    with pytest.raises(KeyRefused):
        await caller(store, None, loopback=True, keys_exist=True)


async def test_a_role_of_another_version_has_no_rights(store):
    secret, made = new_key("k", "n", tenant="t", role="buyer", scope=Scope(), quota=Quota(), at_us=1)
    await store.add_key(
        type(made)(**{f: getattr(made, f) for f in made.__struct_fields__} | {"role": "emperor"})
    )
    assert (await caller(store, f"Bearer {secret}")).rights == frozenset()


async def test_the_secret_is_nowhere_in_the_file(tmp_path):
    store = await Sqlite.open(tmp_path / "l.db")
    _, secret = await key(store)
    await store.close()
    written = b"".join(p.read_bytes() for p in tmp_path.iterdir())
    assert secret.encode() not in written
    assert secret[20:].encode() not in written
    assert hashlib.sha256(secret.encode()).hexdigest().encode() in written
    with closing(sqlite3.connect(tmp_path / "l.db")) as db:
        assert db.execute("SELECT prefix FROM keys").fetchone() == (secret[:16],)


def test_secrets_are_256_random_bits_and_differ():
    made = [
        new_key("k", "n", tenant="t", role="buyer", scope=Scope(), quota=Quota(), at_us=1) for _ in range(50)
    ]
    assert len({secret for secret, _ in made}) == 50
    assert {len(secret) for secret, _ in made} == {len("sk-outlay-") + 43}  # 43 × 6 bits hold 256
    assert all(kept.hash == hash_of(secret) and secret not in repr(kept) for secret, kept in made)


@pytest.mark.parametrize(
    "wrong",
    [
        {"role": "admin"},
        {"tenant": ""},
        {"tenant": "two words"},
        {"tenant": "a\nb"},
        {"name": " "},
        {"name": "a\x1b[31m"},
        {"quota": Quota(concurrency=-1)},
        {"quota": Quota(tokens_per_minute=2**63)},
        {"scope": Scope(fan_out=-1)},
    ],
)
def test_a_key_that_makes_no_sense_is_refused(wrong):
    right = {"name": "n", "tenant": "t", "role": "buyer", "scope": Scope(), "quota": Quota(), "at_us": 1}
    with pytest.raises(UsageError):
        new_key("k", **right | wrong)


async def test_a_key_is_revoked_by_id_name_or_how_it_begins_and_never_by_guess(store):
    ids = [(await key(store, name))[0] for name in ("ci", "ci", "laptop", "phone")]
    with pytest.raises(UsageError, match="there are 2 of that name"):
        await store.revoke_key("ci", 2)
    assert (await store.revoke_key(ids[0], 2)).id == ids[0]
    assert (await store.revoke_key("ci", 2)).id == ids[1]
    phone = (await store.keys())[3]
    assert (await store.revoke_key(phone.prefix, 2)).id == ids[3]
    for gone in ("ci", ids[0], "nobody", ""):
        with pytest.raises(UsageError, match="no one key"):
            await store.revoke_key(gone, 2)
    assert [k.revoked_us for k in await store.keys()] == [2, 2, None, 2]


def test_what_a_key_may_not_is_a_403_that_says_what_it_may():
    free, bound = Caller(), Caller(rights=ROLES["reader"], scope=Scope(("a", "b"), ("single",), 8, 100))
    free.may(OPERATE)
    free.may_ask(model="x", strategy="y")
    free.may_fan_out(10_000)
    assert (free.output_cap(None), free.output_cap(7)) == (None, 7)
    bound.may(READ)
    bound.may_ask(model="a", strategy="single")
    bound.may_ask()
    bound.may_fan_out(8)
    assert (bound.output_cap(None), bound.output_cap(100)) == (100, 100)
    for refused, said in (
        (lambda: bound.may(BUY), "may not buy"),
        (lambda: bound.may(OPERATE), "may not operate the server"),
        (lambda: bound.may_ask(model="c"), "it may use: a, b"),
        (lambda: bound.may_ask(strategy="adaptive"), "it may use: single"),
        (lambda: bound.may_fan_out(9), "9 calls and 8 are allowed a request"),
        (lambda: bound.output_cap(101), "101 output tokens and 100 are allowed a sample"),
        (lambda: Caller(scope=Scope(models=())).may_ask(model="a"), "it may use: none"),
    ):
        with pytest.raises(NotAllowed, match=said) as told:
            refused()
        assert told.value.status == 403
