"""Every failure as OpenAI clients read it: `{"error": {message, type, param, code}}`, a status, `Retry-After`."""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec
from msgspec import Struct

from outlay.errors import (
    BudgetExceeded,
    ContextFull,
    KeyReused,
    MissingAbility,
    NoAnswer,
    OutlayError,
    OverQuota,
    PastDeadline,
    ProviderError,
    UnknownPrice,
    UsageError,
)

TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    408: "invalid_request_error",
    409: "conflict_error",
    413: "invalid_request_error",
    414: "invalid_request_error",
    422: "invalid_request_error",
    429: "rate_limit_error",
    431: "invalid_request_error",
}
"""OpenAI's word for each status; 500 and above are `api_error`."""
_CODES: tuple[tuple[type[OutlayError], str], ...] = (
    (ContextFull, "context_length_exceeded"),
    (PastDeadline, "deadline_passed"),
    (UnknownPrice, "unknown_price"),
    (BudgetExceeded, "budget_exceeded"),
    (KeyReused, "idempotency_key_reused"),
    (MissingAbility, "missing_ability"),
)


class Problem(Struct, frozen=True):
    """The inside of an error reply."""

    message: str
    type: str
    param: str | None
    code: str | None


class BadField(UsageError):
    """A field of the request's body is wrong.

    Attributes:
        param: which one.
        code: a word for programs.
    """

    def __init__(self, param: str, text: str, *, code: str = "invalid_value"):
        super().__init__(text)
        self.param, self.code = param, code


class NotFound(UsageError):
    """There is no such model, trace or address."""

    status = 404

    def __init__(self, text: str, *, code: str, param: str | None = None):
        super().__init__(text)
        self.param, self.code = param, code


class BadHead(UsageError):
    """What came is no HTTP, or its line and headers are more than this server reads.

    Attributes:
        status: what it is answered with.
        code: a word for programs.
    """

    def __init__(self, status: int, text: str, code: str):
        super().__init__(text)
        self.status, self.code = status, code


class TooLarge(UsageError):
    """The body is larger than this server reads."""

    status = 413
    code = "body_too_large"


def status_of(error: OutlayError) -> int:
    """The HTTP status of a failure. Where every sample failed for one upstream reason, that reason's.

    Example:
        >>> status_of(UsageError("…")), status_of(ProviderError("…"))
        (400, 502)
    """
    return _cause(error).status


def body_of(error: OutlayError, word: Callable[[str], str] = str) -> bytes:
    """The JSON of a failure; `word` has the last say on its sentence.

    Example:
        >>> body_of(BadField("n", "n is 0."))
        b'{"error":{"message":"n is 0.","type":"invalid_request_error","param":"n","code":"invalid_value"}}'
    """
    cause = _cause(error)
    code = getattr(cause, "limit", "") or getattr(cause, "code", "")
    code = code or next((word for kind, word in _CODES if isinstance(cause, kind)), None)
    kind = TYPES.get(cause.status, "api_error")
    problem = Problem(word(_sentence(str(error))), kind, getattr(cause, "param", None) or None, code)
    return msgspec.json.encode({"error": problem})


def headers_of(error: OutlayError) -> dict[str, str]:
    """`Retry-After` in whole seconds, where the upstream or a quota says when to come back.

    Example:
        >>> headers_of(ProviderError("…", retry_after_s=6.2))
        {'retry-after': '7'}
    """
    cause = _cause(error)
    if not isinstance(cause, (ProviderError, OverQuota)) or cause.retry_after_s is None:
        return {}
    return {"retry-after": str(math.ceil(cause.retry_after_s))}


def param_of(error: msgspec.ValidationError) -> str:
    """The field that a validation error is about: `$.n` is `n`, a missing one is named in the text."""
    text = str(error)
    if "at `$." in text:
        return text.rpartition("at `$.")[2].rstrip("`")
    return text.partition("`")[2].partition("`")[0].removeprefix("$")


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _cause(error: OutlayError) -> OutlayError:
    if isinstance(error, NoAnswer) and isinstance(error.__cause__, ProviderError):
        return error.__cause__
    return error
