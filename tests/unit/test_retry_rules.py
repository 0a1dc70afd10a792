import random

import pytest

from outlay.errors import AuthError, BadReply, BadRequest, ProviderError, RateLimited, TimedOut
from outlay.models.errors_http import Problem, Redactor, http_error, problem, retry_after_s
from outlay.models.retry import delay_s, why_not

PLAIN = Redactor([])


def test_delays_double_with_jitter_and_end_after_two_retries():
    error = TimedOut("silent", retryable=True)
    for seed in range(50):
        rng = random.Random(seed)
        assert 0.375 <= delay_s(error, 0, rng) <= 0.5
        assert 0.75 <= delay_s(error, 1, rng) <= 1.0
        assert delay_s(error, 2, rng) is None
    assert why_not(error, 2) == "It failed 3 times."


def test_the_same_state_gives_the_same_delay():
    error = TimedOut("silent", retryable=True)
    assert delay_s(error, 0, random.Random(7)) == delay_s(error, 0, random.Random(7))


@pytest.mark.parametrize("error", [AuthError("no"), BadRequest("no"), BadReply("no"), ProviderError("no")])
def test_what_cannot_succeed_is_not_retried(error):
    assert delay_s(error, 0, random.Random(0)) is None
    assert why_not(error, 0) == "Trying again cannot help."


@pytest.mark.parametrize(
    "asked, waits", [(0.0, True), (7.0, True), (120.0, True), (120.1, False), (9e9, False)]
)
def test_retry_after_is_honoured_up_to_120_s(asked, waits):
    error = RateLimited("slow", retryable=True, retry_after_s=asked)
    waited = delay_s(error, 0, random.Random(0))
    assert (waited is not None) == waits
    assert waited is None or asked <= waited <= asked * 1.1
    assert waits or "asks to wait" in why_not(error, 0)


@pytest.mark.parametrize(
    "headers, seconds",
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "Retry-After": "7"}, 0.25),
        ({"retry-after-ms": "soon", "Retry-After": "7"}, 7.0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:30 GMT", "Date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 30.0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:27:00 GMT", "Date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 0.0),
        ({"Retry-After": "-3"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "1e999"}, None),
        ({"Retry-After": "9" * 5000}, None),
        ({"Retry-After": "later, please"}, None),
    ],
)
def test_reading_retry_after(headers, seconds):
    assert retry_after_s(headers) == seconds


@pytest.mark.parametrize(
    "status, kind, retryable, fatal",
    [
        (400, BadRequest, False, False),
        (401, AuthError, False, True),
        (402, RateLimited, False, True),
        (403, AuthError, False, True),
        (404, BadRequest, False, True),
        (408, ProviderError, True, False),
        (409, ProviderError, True, False),
        (413, BadRequest, False, False),
        (422, BadRequest, False, False),
        (429, RateLimited, True, False),
        (500, ProviderError, True, False),
        (501, BadRequest, False, False),
        (503, ProviderError, True, False),
        (529, ProviderError, True, False),
        (308, BadRequest, False, True),
    ],
)
def test_what_each_status_means(status, kind, retryable, fatal):
    error = http_error("host", status, {}, Problem("because"), PLAIN)
    assert (type(error), error.retryable, error.fatal, error.billed) == (kind, retryable, fatal, False)
    assert str(error).startswith("host ") or "host" in str(error)
    assert str(error).endswith(".")


@pytest.mark.parametrize("said, retryable", [("false", False), ("true", True), ("", True)])
def test_x_should_retry_overrides(said, retryable):
    assert http_error("h", 500, {"x-should-retry": said}, Problem(), PLAIN).retryable is retryable
    assert http_error("h", 400, {"x-should-retry": "true"}, Problem(), PLAIN).retryable
    assert not http_error("h", 401, {"x-should-retry": "true"}, Problem(), PLAIN).retryable


def test_an_empty_account_is_fatal_and_a_rate_limit_is_not():
    empty = http_error("h", 429, {"Retry-After": "1"}, Problem("quota", code="insufficient_quota"), PLAIN)
    slow = http_error("h", 429, {"Retry-After": "1"}, Problem("slow", code="rate_limit_exceeded"), PLAIN)
    assert (empty.fatal, empty.retryable) == (True, False)
    assert (slow.fatal, slow.retryable, slow.retry_after_s) == (False, True, 1.0)


@pytest.mark.parametrize(
    "raw, expected",
    [
        (b'{"error": {"message": "m", "type": "t", "code": 400}}', Problem("m", "t", "")),
        (b'{"error": "m"}', Problem("m")),
        (b'{"detail": [{"msg": "m"}]}', Problem("[{'msg': 'm'}]")),
        (b'[{"error": {"message": "m", "code": "c", "param": "n"}}]', Problem("m", "c", "n")),
        (b"<html>Bad gateway</html>", Problem("<html>Bad gateway</html>")),
        (b"\xff\xfe", Problem("\ufffd\ufffd")),
        (b"", Problem("")),
        (b"null", Problem("")),
        (b"17", Problem("17")),
    ],
)
def test_reading_what_a_failure_says(raw, expected):
    assert problem(raw) == expected


def test_secrets_are_redacted_before_the_text_is_cut():
    redact = Redactor(["sk-verysecret", "x"])
    assert redact("key sk-verysecret, Bearer abcdefgh, box") == "key [redacted], Bearer [redacted], box"
    assert "very" not in redact("a" * 293 + "sk-verysecret")
    assert len(redact("a" * 10_000)) == 301
