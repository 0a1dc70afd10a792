"""Who is calling: a key becomes a `Caller`, and what it may do comes from the store, never from the request."""

from __future__ import annotations

import hmac

import msgspec
from msgspec import Struct

from outlay.config.guard import GuardEntry, least, thinking_within
from outlay.door.session import Account
from outlay.errors import KeyRefused, NotAllowed
from outlay.gateway.keys import OPERATE, PREFIX, ROLES, hash_of
from outlay.guards._decision import Asked, Decision
from outlay.guards.caps import caps
from outlay.store.accounts import Accounts
from outlay.store.keys import Scope
from outlay.store.quota import Quota
from outlay.types import Sampling

_HOW = "send it as `Authorization: Bearer sk-outlay-…`"


class Caller(Struct, frozen=True):
    """Who calls, for whom, and what they may ask for. What they may use is checked with each purchase, by the store."""

    tenant: str = "local"
    key_id: str | None = None
    """None is this machine's own user, who has no quota."""
    rights: frozenset[str] = ROLES["operator"]
    scope: Scope = Scope()
    quota: Quota = Quota()
    """The key's own; its tenant may have another."""
    key_name: str | None = None

    def account(self, cache_scope: str | None = None) -> Account:
        """On whose behalf the engine buys for this caller."""
        return Account(self.tenant, self.key_id, cache_scope)

    def may(self, right: str) -> None:
        """Nothing, if the role of the key has the right.

        Raises:
            NotAllowed: it has not.
        """
        if right not in self.rights:
            raise NotAllowed(f"This key's role may not {right}{' the server' if right == OPERATE else ''}.")

    def may_ask(self, *, model: str | None = None, strategy: str | None = None) -> None:
        """Nothing, if the key may use the model and the strategy.

        Raises:
            NotAllowed: it may not; the sentence lists what it may use.
        """
        for kind, name, allowed in (
            ("model", model, self.scope.models),
            ("strategy", strategy, self.scope.strategies),
        ):
            if name is not None and allowed is not None and name not in allowed:
                known = ", ".join(allowed) or "none"
                raise NotAllowed(f"This key may not use the {kind} {name}; it may use: {known}.")

    def may_fan_out(self, n_calls: int) -> None:
        """Nothing, if one request of the key may plan so many calls.

        Raises:
            NotAllowed: it may not.
        """
        self._refuse(caps(Asked(calls=n_calls), (), fan_out=self.scope.fan_out))

    def output_cap(self, asked_tokens: int | None) -> int | None:
        """The output bound of one sample in tokens: what was asked for, or the key's cap; None: neither says.

        Raises:
            NotAllowed: more was asked for than the key allows.
        """
        cap = self.scope.max_output_tokens
        self._refuse(caps(Asked(output_tokens=asked_tokens), (), output_tokens=cap))
        return cap if asked_tokens is None else asked_tokens

    def capped(self, sampling: Sampling) -> Sampling:
        """The sampling of a request of this key: bounded, and its thinking capped.

        Raises:
            NotAllowed: more was asked for than the key allows.
        """
        bound = self.output_cap(sampling.max_output_tokens)
        bounded = msgspec.structs.replace(sampling, max_output_tokens=bound)
        return thinking_within(bounded, self.scope.reasoning_tokens, self.scope.answer_tokens)

    def within(self, guard: GuardEntry) -> Caller:
        """This caller, within the server's own caps too."""
        fan_out = least(self.scope.fan_out, guard.fan_out)
        most = least(self.scope.max_output_tokens, guard.max_output_tokens)
        scope = msgspec.structs.replace(self.scope, fan_out=fan_out, max_output_tokens=most)
        return msgspec.structs.replace(self, scope=scope)

    def _refuse(self, decision: Decision) -> None:
        if not decision.go:
            raise NotAllowed(decision.why)


async def authenticate(
    store: Accounts, authorization: str | None, *, loopback: bool, keys_exist: bool
) -> Caller:
    """The caller whom an `Authorization` header names.

    The key is looked up in the store each time, so that a revoked one stops at once. Where no key was ever made, this
    machine's own user needs none, and what clients send for want of a key is not looked at. Once there is a key, calls
    from loopback need one too: a proxy on this machine speaks for others.

    Args:
        store: where the keys are.
        authorization: the header as it came; None: there was none.
        loopback: whether the connection is from this machine, by its address and not by a header.
        keys_exist: whether a key was ever made, revoked ones too (`store.any_key`).

    Raises:
        KeyRefused: no key, not one of ours, or revoked.
    """
    if loopback and not keys_exist:
        return Caller()
    scheme, _, secret = (authorization or "").partition(" ")
    secret = secret.strip()
    if scheme.lower() != "bearer" or not secret:
        raise KeyRefused(f"This server needs a key; {_HOW}.")
    if not secret.startswith(PREFIX):
        raise KeyRefused(f"That is not a key of this server; {_HOW}.")
    digest = hash_of(secret)
    key = await store.key_by_hash(digest)
    if key is None or not hmac.compare_digest(key.hash, digest):
        raise KeyRefused("That key is not known here; `outlay keys list` shows those that are.")
    if key.revoked_us is not None:
        raise KeyRefused("That key was revoked; ask for another one.")
    # A role that this version does not know has no rights.
    return Caller(key.tenant, key.id, ROLES.get(key.role, frozenset()), key.scope, key.quota, key.name)
