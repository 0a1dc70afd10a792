"""Every failure that a user can meet, each one plain sentence that says what to do.

A failed sample is data and stays in its pool. A broken contract raises one of these. `exit_code` is what the command
line returns, `status` what a server would answer.
"""

from __future__ import annotations

from collections.abc import Iterable


class OutlayError(Exception):
    """Any failure outlay reports on purpose; its text is one sentence for people."""

    exit_code = 1
    status = 500


class UsageError(OutlayError):
    """The request itself is wrong: an unknown name, a parameter out of bounds, a malformed file."""

    exit_code = 2
    status = 400


class MissingAbility(UsageError):
    """A plan needs something that the chosen model cannot do."""


class MissingExtra(UsageError):
    """An optional dependency is not installed."""


class CannotSay(UsageError):
    """The data do not determine what was asked; the text says what is missing."""


class BudgetExceeded(OutlayError):
    """A purchase does not fit in the budget. Nothing was sent."""

    status = 402


class ContextFull(BudgetExceeded):
    """The prompt leaves no room for an answer in what the model holds. Nothing was sent."""

    status = 400


class PastDeadline(BudgetExceeded):
    """The deadline of the budget has passed. Nothing was sent."""

    status = 504


class UnknownPrice(BudgetExceeded):
    """A money cap was set and the model has no known price."""


class OverQuota(BudgetExceeded):
    """A purchase does not fit in the quota of the key or tenant it was asked with. Nothing was sent.

    Attributes:
        limit: which limit: `usd_per_day`, `tokens_per_minute`, `requests_per_minute` or `concurrency`.
        retry_after_s: when the same purchase can fit, in whole seconds from 1 up; None: it never can.
    """

    status = 429

    def __init__(self, text: str, *, limit: str, retry_after_s: int | None):
        super().__init__(text)
        self.limit, self.retry_after_s = limit, retry_after_s


class KeyRefused(OutlayError):
    """No key, an unknown one or a revoked one."""

    status = 401


class NotAllowed(OutlayError):
    """The key is good, but not for this."""

    status = 403


class KeyReused(UsageError):
    """An idempotency key came again with another request."""

    status = 409


class NoAnswer(OutlayError):
    """Every sample failed, so there is nothing to choose from."""

    status = 502


class StoreError(OutlayError):
    """The ledger cannot be read or written."""

    status = 503


class ProviderError(OutlayError):
    """The other side of a purchase failed.

    Attributes:
        retryable: a later identical attempt can succeed.
        retry_after_s: what the server asked to wait, in seconds, or None.
        fatal: no other sample can succeed either (a wrong key, a dead server): the run stops instead of going on.
        billed: the request may have been billed although it failed (the reply broke off).
        status: what the server answered, where it answered.
        code: what the server calls the failure, or empty.
        param: the field of the request that the server blames, or empty.
    """

    status = 502

    def __init__(
        self,
        text: str,
        *,
        retryable: bool = False,
        retry_after_s: float | None = None,
        fatal: bool = False,
        billed: bool = False,
    ):
        super().__init__(text)
        self.retryable = retryable
        self.retry_after_s = retry_after_s
        self.fatal = fatal
        self.billed = billed
        self.code = ""
        self.param = ""


class AuthError(ProviderError):
    """The provider refused the key (401 or 403)."""

    status = 401

    def __init__(self, text: str):
        super().__init__(text, fatal=True)


class RateLimited(ProviderError):
    """The provider asked to slow down (429)."""

    status = 429


class Unreachable(ProviderError):
    """No connection to the server."""


class Crowded(ProviderError):
    """So many wait for the upstream that this could not be served before its deadline. Nothing was sent.

    Args:
        n_waiting: requests that wait for it.
        wait_s: about how long the next to come waits, in seconds; it is told to come back after that.
    """

    status = 503

    def __init__(self, n_waiting: int, wait_s: float):
        super().__init__(
            f"{n_waiting} requests wait for the model, too many for this one to be served before its deadline; "
            f"ask again later or give it more time.",
            retry_after_s=max(wait_s, 1.0),
        )
        self.code = "crowded"


class TimedOut(ProviderError):
    """The server was silent for too long."""

    status = 504


class BadRequest(ProviderError):
    """The provider says the request is wrong (400, 404, 422); asking again would not help."""

    status = 400


class BadReply(ProviderError):
    """The provider's reply was not what the protocol promises."""


def nearest(name: str, known: Iterable[str]) -> str:
    """A sentence fragment that names the known word closest to `name`, or lists the known words.

    Example:
        >>> nearest("self_consistancy", ["single", "self_consistency"])
        'did you mean self_consistency?'
    """
    import difflib

    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else f"there are: {', '.join(known)}"


_UNSENT = "Nothing had been sent."


def mark_unsent(error: BaseException) -> None:
    """Say of a cancellation that it came before a request was sent: while it waited for its turn or a connection."""
    error.add_note(_UNSENT)


def unsent(error: BaseException | None) -> bool:
    """Whether a cancellation, or the cancellation that a time limit made, came before a request was sent.

    Example:
        >>> late = TimeoutError()
        >>> unsent(late), mark_unsent(late), unsent(late)
        (False, None, True)
    """
    return error is not None and (_UNSENT in getattr(error, "__notes__", ()) or unsent(error.__cause__))
