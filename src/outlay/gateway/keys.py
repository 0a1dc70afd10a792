"""Making keys: 256 random bits, shown once and kept as a hash, with what their role and limits allow."""

from __future__ import annotations

import hashlib
import secrets

from outlay.errors import UsageError, nearest
from outlay.store.keys import Key, Scope
from outlay.store.quota import Quota

PREFIX = "sk-outlay-"
SHOWN = len(PREFIX) + 6
"""Characters of a key that are kept, so that people recognise it: 36 of its 256 random bits."""

BUY, READ, OPERATE = "buy", "read", "operate"
ROLES = {
    "buyer": frozenset({BUY, READ}),
    "reader": frozenset({READ}),
    "operator": frozenset({BUY, READ, OPERATE}),
}
"""What each role may do: buy answers; read models, quotes and its tenant's traces; see the server's own measures."""


def new_key(
    key_id: str, name: str, *, tenant: str, role: str, scope: Scope, quota: Quota, at_us: int
) -> tuple[str, Key]:
    """A new secret, to be shown once, and the key to keep, which holds only its SHA-256.

    A hash without salt or stretching suffices: the secret is 256 random bits, not a word that people chose.

    Args:
        key_id: from `Store.new_id`.
        name: what people call it.
        tenant: whose it is; nothing crosses tenants.
        role: one of `ROLES`; never taken from a request.
        scope: what it may ask for.
        quota: what it may use.
        at_us: now, in microseconds since 1970.

    Raises:
        UsageError: an unknown role, an empty name or tenant, or a negative limit.

    Example:
        >>> secret, key = new_key(
        ...     "key_1", "ci", tenant="acme", role="buyer", scope=Scope(), quota=Quota(concurrency=4), at_us=0
        ... )
        >>> secret.startswith(key.prefix), len(secret), key.hash == hash_of(secret)
        (True, 53, True)
    """
    if role not in ROLES:
        raise UsageError(f"There is no role {role!r}; {nearest(role, ROLES)}")
    check_tenant(tenant)
    if not name.strip() or not name.isprintable():
        raise UsageError("A key needs a name that can be printed.")
    check_limits(scope)
    check_limits(quota)
    secret = PREFIX + secrets.token_urlsafe(32)
    return secret, Key(key_id, hash_of(secret), secret[:SHOWN], name, tenant, role, scope, quota, at_us)


def hash_of(secret: str) -> str:
    """The SHA-256 of a secret, in hexadecimal."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def check_tenant(tenant: str) -> None:
    """Refuse a name of a tenant that is empty or not one printable word.

    Raises:
        UsageError: it is.
    """
    if not tenant or not tenant.isprintable() or any(c.isspace() for c in tenant):
        raise UsageError(f"{tenant!r} cannot name a tenant; a tenant is one word.")


def check_limits(limits: Scope | Quota) -> None:
    """Refuse limits below 0, which would be a slip of the pen; 0 admits nothing.

    Raises:
        UsageError: one is.
    """
    for name in limits.__struct_fields__:
        value = getattr(limits, name)
        if isinstance(value, int) and not 0 <= value < 2**63:
            raise UsageError(f"The limit {name} is {value}; a limit is a number from 0 up.")
