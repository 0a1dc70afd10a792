"""What a reply's headers say of a caller's quotas, so that clients can pace themselves."""

from __future__ import annotations

from outlay.errors import OverQuota
from outlay.gateway.auth import Caller
from outlay.store.accounts import Accounts
from outlay.store.quota import MINUTE_S, Quota, Used


def rate_limit_headers(quota: Quota, used: Used) -> dict[str, str]:
    """`x-ratelimit-{limit,remaining,reset}-{requests,tokens}` for the limits that there are.

    `reset` is when the minute is over for what is used now, the latest a full quota is there again.

    Example:
        >>> rate_limit_headers(Quota(requests_per_minute=60), Used(0, 0, 900, 4, 1))["x-ratelimit-remaining-requests"]
        '56'
    """
    said: dict[str, str] = {}
    for name, most, taken in (
        ("requests", quota.requests_per_minute, used.requests),
        ("tokens", quota.tokens_per_minute, used.tokens),
    ):
        if most is not None:
            said[f"x-ratelimit-limit-{name}"] = str(most)
            said[f"x-ratelimit-remaining-{name}"] = str(max(most - taken, 0))
            said[f"x-ratelimit-reset-{name}"] = f"{MINUTE_S if taken else 0}s"
    return said


def retry_headers(refusal: OverQuota) -> dict[str, str]:
    """`Retry-After` of a refusal in whole seconds; nothing where waiting does not help.

    Example:
        >>> retry_headers(OverQuota("…", limit="requests_per_minute", retry_after_s=12))
        {'retry-after': '12'}
    """
    return {} if refusal.retry_after_s is None else {"retry-after": str(refusal.retry_after_s)}


async def standing(store: Accounts, caller: Caller, at_us: int) -> dict[str, str]:
    """The rate-limit headers of a caller's key now (microseconds since 1970)."""
    if caller.key_id is None:
        return {}
    return rate_limit_headers(caller.quota, await store.used(caller.key_id, at_us))
