"""`outlay keys`: shown once, listed without secrets, revoked by name, limits that a running server obeys."""

import asyncio
import json
import sqlite3
from contextlib import closing

import pytest

from outlay.cli import main
from outlay.gateway.keys import hash_of
from outlay.store.quota import Quota
from outlay.store.sqlite import Sqlite


@pytest.fixture
def keys(tmp_path, monkeypatch, capsys):
    """Runs `outlay keys …` and returns (exit code, standard output, standard error)."""
    monkeypatch.setenv("OUTLAY_DATABASE_URL", f"sqlite:///{tmp_path / 'ledger.db'}")
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*words):
        code = main(["keys", *words])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def table(tmp_path, query):
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as db:
        return db.execute(query).fetchall()


def test_a_key_is_printed_alone_and_kept_as_a_hash(keys, tmp_path):
    code, secret, told = keys("create", "ci", "--tenant", "acme", "--usd-per-day", "5", "--models", "a, b,")
    assert code == 0
    assert secret.startswith("sk-outlay-")
    assert "shown once" in told
    assert table(tmp_path, "SELECT hash, tenant, role, nusd_per_day, scope FROM keys") == [
        (hash_of(secret.strip()), "acme", "buyer", 5_000_000_000, '{"models":["a","b"]}')
    ]


def test_every_limit_is_kept(keys, tmp_path):
    limits = {"usd-per-day": 1.5, "tokens-per-minute": 2, "requests-per-minute": 3, "concurrency": 4}
    scope = {"models": "m", "strategies": "single", "fan-out": 5, "max-output-tokens": 6}
    words = [word for name, value in (limits | scope).items() for word in (f"--{name}", str(value))]
    code, out, _ = keys("create", "ci", "--role", "reader", *words, "--json")
    assert code == 0
    assert set(json.loads(out)) == {"key", "id", "name", "tenant", "role"}
    (found,) = json.loads(keys("list", "--json")[1])
    assert found["limits"] == {name.replace("-", "_"): value for name, value in limits.items()}
    assert found["scope"] == {"models": ["m"], "strategies": ["single"], "fan_out": 5, "max_output_tokens": 6}
    assert (found["tenant"], found["role"], found["revoked_us"]) == ("local", "reader", None)


def test_the_list_shows_no_secret_and_no_hash(keys):
    secrets = [
        keys("create", name, "--tenant", tenant)[1].strip() for name, tenant in (("ci", "a"), ("pc", "b"))
    ]
    for words in ((), ("--json",)):
        _, out, _ = keys("list", *words)
        assert all(s not in out and hash_of(s) not in out and s[:16] in out for s in secrets)
    assert "2 keys" in keys("list")[1]
    assert "no limits" in keys("list")[1]
    assert [k["name"] for k in json.loads(keys("list", "--tenant", "b", "--json")[1])] == ["pc"]


def test_a_revoked_key_stays_listed_and_cannot_be_revoked_twice(keys):
    keys("create", "ci")
    assert keys("revoke", "ci")[0] == 0
    assert "revoked" in keys("list")[1]
    code, out, err = keys("revoke", "ci")
    assert (code, out) == (2, "")
    assert "no one key 'ci' in use" in err


def test_a_tenants_limits_are_replaced_whole(keys, tmp_path):
    assert "$20 a day, 64 at a time" in keys("limit", "acme", "--usd-per-day", "20", "--concurrency", "64")[2]
    assert "no limits" in keys("limit", "acme")[2]

    async def quota():
        store = await Sqlite.open(tmp_path / "ledger.db")
        try:
            return await store.tenant_quota("acme")
        finally:
            await store.close()

    assert asyncio.run(quota()) == Quota()


@pytest.mark.parametrize(
    "words",
    [
        ("create",),
        ("create", "ci", "--role", "admin"),
        ("create", "ci", "--tenant", "two words"),
        ("create", "ci", "--usd-per-day", "-1"),
        ("create", "ci", "--usd-per-day", "nan"),
        ("create", "ci", "--concurrency", "-1"),
        ("create", "ci", "--fan-out", "-1"),
        ("create", " "),
        ("limit", "two words"),
        ("limit", "acme", "--tokens-per-minute", "-5"),
        ("revoke", "nobody"),
    ],
)
def test_what_makes_no_sense_is_one_sentence_and_keeps_nothing(keys, tmp_path, words):
    code, out, err = keys(*words)
    assert (code, out) == (2, "")
    assert err.startswith("outlay: ")
    assert err.count("\n") == 1
    if (tmp_path / "ledger.db").exists():
        assert table(tmp_path, "SELECT (SELECT COUNT(*) FROM keys) + (SELECT COUNT(*) FROM tenants)") == [(0,)]
