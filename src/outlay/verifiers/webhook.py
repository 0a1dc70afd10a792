"""Your own service checks each candidate: the question and the answer go to a URL of yours, a score comes back."""

from __future__ import annotations

import asyncio
import os
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

from outlay.errors import ProviderError, UsageError
from outlay.models.errors_http import Redactor
from outlay.models.openai_http import Http
from outlay.prompts._data import conversation
from outlay.run import Run
from outlay.types import Bound, Draws, Positive, Question, Sample, Share, Verdict
from outlay.verifiers._reply import text_of

NEEDS: frozenset[str] = frozenset()
LARGEST = 65_536
"""Bytes of a reply; what is longer is refused unread."""
MAX_WHY_CHARS = 500


class Said(Struct, frozen=True):
    """The reply of a service."""

    score: Annotated[float, Meta(ge=0, le=1)]
    accepted: bool | None = None
    why: str = ""


def bound(
    question: Question,
    *,
    url: str,
    secret_env: str = "",
    timeout_s: Positive = 10.0,
    threshold: Share = 0.5,
) -> Bound:
    """One request to the service; no tokens."""
    return Bound({"sandbox": Draws(1)})


def ready(*, url: str, secret_env: str = "", timeout_s: float = 10.0, threshold: float = 0.5) -> None:
    """Refuse, before anything is bought, an address that is none, or a secret that is not there.

    Raises:
        UsageError: says which.
    """
    _service(url, secret_env, timeout_s)


async def webhook(
    run: Run,
    question: Question,
    candidate: Sample,
    *,
    url: str,
    secret_env: str = "",
    timeout_s: Positive = 10.0,
    threshold: Share = 0.5,
) -> Verdict:
    """The verdict of a service of yours, asked by `POST url` with `{"question", "answer", "kind", "text"}` as JSON.

    `text` is the candidate's whole reply, `answer` what was extracted from it (null where nothing was). The service
    replies `{"score": 0 … 1, "accepted": true | false, "why": "…"}`; without `accepted`, a score from `threshold` on
    accepts. Anything else, a redirect (which is never followed), another status than 200, a longer reply than 64 KiB
    or a silence is a failure: the sample stands unverified. A bench, a pilot or a solve that is resumed does not ask
    again what was answered. The address comes from the configuration or the command line alone: a request of the
    gateway cannot name one.

    Args:
        run: what is charged.
        question: what was asked.
        candidate: the sample to check.
        url: where the service is, http or https.
        secret_env: the variable that holds a secret, sent as `Authorization: Bearer …`; empty sends none.
        timeout_s: seconds for the whole of one request.
        threshold: the score from which a verdict without `accepted` accepts.

    Raises:
        UsageError: not an address, or the secret is missing.
        ProviderError: the service failed, took too long, or did not reply as above.

    Cost: the seconds it takes, at the price of a core of this machine; at most `timeout_s`.
    Example: `outlay ask "17 * 23?" --strategy best_of_n --kind number --verifier webhook:http://127.0.0.1:9000/check`
    """
    service = _service(url, secret_env, timeout_s)
    asked = {
        "question": _sound(conversation(question.messages)),
        "answer": None if candidate.answer is None else _sound(candidate.answer),
        "kind": question.kind,
        "text": _sound(text_of(candidate)),
    }

    async def work() -> dict[str, Any]:
        try:
            async with asyncio.timeout(timeout_s):
                return await _ask(service, url, asked, threshold)
        except TimeoutError:
            return {"failed": f"{service.host} took longer than {timeout_s:g} s"}
        finally:
            await service.close()

    same = repr((url, asked, timeout_s, threshold))
    seen = await run.seconds(f"webhook/{candidate.index}", timeout_s, work, same=same)
    if "failed" in seen:
        raise ProviderError(seen["failed"])
    return Verdict(seen["score"], seen["accepted"], seen["why"])


def _service(url: str, secret_env: str, timeout_s: float) -> Http:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise UsageError("A webhook's url is written like https://host/path, without a password in it.")
    secret = os.environ.get(secret_env, "") if secret_env else ""
    if secret_env and not secret:
        raise UsageError(f"The webhook's secret is missing: set {secret_env}.")
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    return Http(
        f"{parts.scheme}://{parts.netloc}",
        headers,
        Redactor([secret]),
        connect_s=min(timeout_s, 5.0),
        silence_s=timeout_s,
        concurrency=1,
    )


async def _ask(service: Http, url: str, asked: dict[str, Any], threshold: float) -> dict[str, Any]:
    """The service's verdict as plain data, or why there is none."""
    try:
        response = await service.open("POST", url, asked)
        try:
            raw = await service.document(response, LARGEST + 1)
        finally:
            response.close()
    except ProviderError as failure:
        return {"failed": str(failure)}
    if response.status != 200:
        return {"failed": f"{service.host} replied with status {response.status}"}
    if len(raw) > LARGEST:
        return {"failed": f"{service.host} replied with more than {LARGEST:,} bytes"}
    try:
        said = msgspec.json.decode(raw, type=Said)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return {"failed": f"{service.host} did not reply with a score: {error}"}
    accepted = said.score >= threshold if said.accepted is None else said.accepted
    why = " ".join(said.why.split())[:MAX_WHY_CHARS] or f"{service.host} scored {said.score:g}"
    return {"score": said.score, "accepted": accepted, "why": why}


def _sound(text: str) -> str:
    """Text that JSON can carry: half characters become marks."""
    return text.encode("utf-8", "replace").decode()
