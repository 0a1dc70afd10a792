"""What a failed HTTP reply means for a buyer: one sentence, no secret, and when to try again."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from outlay.errors import AuthError, BadRequest, ProviderError, RateLimited

MAX_MESSAGE_CHARS = 300
# A quota that is used up does not come back within any wait; the words are OpenAI's and those of its imitators.
_SPENT = frozenset(
    {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "insufficient_balance"}
)
_RETRYABLE = frozenset({408, 409, 425, 429})
_BEARER = re.compile(r"(?i)\b(bearer\s+)[^\s\"',;]{4,200}")


class Problem(msgspec.Struct, frozen=True):
    """What the body of a failed reply says: its message, its code (or type) and the parameter it blames."""

    message: str = ""
    code: str = ""
    param: str = ""


class Redactor:
    """Takes known secrets, and anything that follows the word Bearer, out of a text meant for people."""

    __slots__ = ("_secrets",)

    def __init__(self, secrets: Iterable[str]):
        # Short values would blank out ordinary words.
        self._secrets = sorted({s for s in secrets if len(s) >= 6}, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """`text` on one line, cut to 300 characters, without secrets.

        Example:
            >>> Redactor(["sk-secret"])("Incorrect API key: sk-secret")
            'Incorrect API key: [redacted]'
        """
        # Redacted before it is cut: half a key at the cut would no longer be recognised.
        for secret in self._secrets:
            text = text.replace(secret, "[redacted]")
        text = " ".join(_BEARER.sub(r"\1[redacted]", text).split())
        return text if len(text) <= MAX_MESSAGE_CHARS else text[:MAX_MESSAGE_CHARS] + "…"


def problem(raw: bytes) -> Problem:
    """What the body of a failed reply says, in any of the shapes in use; the text itself where it is not JSON.

    Example:
        >>> problem(b'{"error": {"message": "too long", "code": "too_long", "param": "messages"}}')
        Problem(message='too long', code='too_long', param='messages')
    """
    try:
        decoded = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Problem(message=raw.decode("utf-8", "replace"))
    return problem_of(decoded)


def problem_of(decoded: Any) -> Problem:
    """`problem`, of decoded JSON."""
    if isinstance(decoded, list) and decoded:
        decoded = decoded[0]
    if not isinstance(decoded, dict):
        return Problem(message=_text(decoded))
    inner = decoded.get("error", decoded)
    if not isinstance(inner, dict):
        return Problem(message=_text(inner))
    message = inner.get("message") or inner.get("detail") or decoded.get("message") or decoded.get("detail")
    code = inner.get("code")
    if code is None or isinstance(code, int):
        code = inner.get("type") or code
    return Problem(_text(message), _text(code), _text(inner.get("param")))


def http_error(
    host: str, status: int, headers: Mapping[str, str], said: Problem, redact: Redactor
) -> ProviderError:
    """The error that a reply with this status is, retryable or not, with the wait that the server asked for.

    401 and 403 are about the key; 429 is about speed, or about an empty account, which no wait refills; 408,
    409, 425 and 5xx may pass (501 never: it says that a feature does not exist); every other status says that
    the request is wrong. `x-should-retry` overrides, except where the key or the account is at fault.
    The error keeps the status, the code and the parameter that the server named.
    """
    error = _meaning(host, status, headers, said, redact)
    error.status = status if status >= 400 else 502
    error.code, error.param = redact(said.code), redact(said.param)
    return error


def _meaning(
    host: str, status: int, headers: Mapping[str, str], said: Problem, redact: Redactor
) -> ProviderError:
    reason = redact(said.message)
    because = f": {reason.rstrip('.')}." if reason else "."
    if status in (401, 403):
        return AuthError(f"{host} refused the key ({status}){because} Check the API key and what it may use.")
    if status == 402 or said.code in _SPENT:
        advice = "Add credit, or use another provider."
        return RateLimited(f"The account at {host} has no credit left ({status}){because} {advice}", fatal=True)
    passing = status in _RETRYABLE or (status >= 500 and status != 501)
    retryable, wait_s = _says_retry(headers, default=passing), retry_after_s(headers)
    if status == 429:
        return RateLimited(
            f"{host} asks to slow down (429){because}", retryable=retryable, retry_after_s=wait_s
        )
    if passing:
        return ProviderError(f"{host} failed ({status}){because}", retryable=retryable, retry_after_s=wait_s)
    if 300 <= status < 400:
        return BadRequest(f"{host} redirects ({status}); write the final address as the base URL.", fatal=True)
    if status == 404:
        advice = "Check the model's name and the base URL."
        return BadRequest(f"{host} knows no such model or address (404){because} {advice}", fatal=True)
    return BadRequest(
        f"{host} says that the request is wrong ({status}){because}", retryable=retryable, retry_after_s=wait_s
    )


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asked to wait: `retry-after-ms`, then `Retry-After` in seconds or as a date.

    A date is read against the server's own `Date`, where it sent one, so that a wrong clock here does no harm.
    Nonsense (negative, infinite, unreadable) counts as absent; a date in the past is 0.

    Example:
        >>> retry_after_s({"Retry-After": "7"}), retry_after_s({"retry-after-ms": "250", "Retry-After": "7"})
        (7.0, 0.25)
    """
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    asked = headers.get("Retry-After", "")
    seconds = _number(asked)
    if seconds is not None:
        return seconds
    until = _moment(asked)
    if until is None:
        return None
    now = _moment(headers.get("Date", ""))
    return max(0.0, until - (time.time() if now is None else now))


def _says_retry(headers: Mapping[str, str], *, default: bool) -> bool:
    return {"true": True, "false": False}.get(headers.get("x-should-retry", "").strip().lower(), default)


def _number(text: str) -> float | None:
    if not re.fullmatch(r"\s{0,4}[0-9]{1,9}(\.[0-9]{1,9})?\s{0,4}", text):
        return None
    return float(text)


def _moment(text: str) -> float | None:
    if not text or len(text) > 64:
        return None
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)[:1000]
