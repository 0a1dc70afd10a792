"""`POST /v1/chat/completions`: a model passed through as it is, or an answer bought with a strategy."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.types import ASGIApp

from outlay.door.session import Account
from outlay.gateway import body, chat_reply, chat_request
from outlay.gateway.auth import Caller
from outlay.gateway.beyond import Gathered
from outlay.gateway.buying import Order, order
from outlay.gateway.chat_reply import Chunks, headers_of
from outlay.gateway.chat_request import ChatRequest
from outlay.gateway.insides import shown, worded
from outlay.gateway.keys import BUY
from outlay.gateway.live import EventStream, Whole, while_connected
from outlay.gateway.logs import note
from outlay.gateway.once import once
from outlay.gateway.options import ON_PASS_THROUGH, Options, options_of, refuse_beyond
from outlay.gateway.sent_headers import sent_headers
from outlay.gateway.state import State, state_of
from outlay.gateway.wanted import Wanted, want
from outlay.types import Answer, Completion, Delta, Question, Usage

Emit = Callable[[bytes], None]
Choices = list[tuple[int, Completion]]


class Job(Struct, frozen=True):
    """One chat request that is in order, and who asked for it."""

    state: State
    request: Request
    asked: ChatRequest
    wanted: Wanted
    account: Account
    id: str
    created_s: int

    @property
    def options(self) -> Options:
        """What holds for it in the end."""
        return self.wanted.options

    def ended(self, model: str, answer: Answer) -> None:
        """Count an answer, and say it in the request's line of the log."""
        self.state.metrics.bought(model, answer)
        self.state.metrics.tagged(self.options.tags, answer)
        self.state.seen.add(model, answer)
        note(
            self.request,
            model=self.asked.model,
            strategy=answer.plan.strategy,
            trace_id=answer.trace_id,
            cost_nusd=answer.cost_nusd,
            stopped=answer.stopped,
            tags=self.options.tags,
        )


async def chat(request: Request) -> ASGIApp:
    """The reply to a chat request.

    Raises:
        OutlayError: anything that is refused before a reply has begun.
    """
    state = state_of(request)
    caller = await state.caller(request)
    caller.may(BUY)
    sent = await body.read(request)

    async def answer(scope: str | None) -> ASGIApp:
        return await _answered(state, request, caller, sent, scope)

    return await once(state.idempotency, request, caller, sent, answer)


async def _answered(state: State, request: Request, caller: Caller, sent: bytes, scope: str | None) -> ASGIApp:
    asked = chat_request.read(body.decoded(sent))
    wanted = want(state.config, caller, asked, options_of(asked.outlay, sent_headers(request)))
    id = scope or state.outlay.store.new_id("chatcmpl")
    job = Job(state, request, asked, wanted, caller.account(scope), id, int(time.time()))
    await state.asleep.saw(caller.tenant, asked.messages)
    if wanted.strategy is not None:
        placed = await order(state.sellers, caller, asked, wanted, id)
        return await _bought(job, await state.asleep.noted(caller.tenant, placed))
    return await _passed(job, caller)


async def _passed(job: Job, caller: Caller) -> ASGIApp:
    """The model's own reply."""
    asked, options = job.asked, job.options
    refuse_beyond(options, ON_PASS_THROUGH, f"{asked.model} is passed through as it is; ask for outlay/…")
    job.wanted.may(caller, asked.model)
    job.wanted.may_fan_out(asked.n)
    caller.may_fan_out(asked.n)
    seller = await job.state.sellers.played_by(job.wanted.cast)
    sampling = caller.capped(job.wanted.entry.bounding(asked.sampling))
    question = Question(job.id, asked.messages, None, options.task_class or "default", sampling)

    async def buy(on_delta: Callable[[int, Delta], None] | None = None) -> tuple[Answer, Choices]:
        answer, pool = await seller.pass_through(
            question,
            n=asked.n,
            seed=asked.seed,
            limits=options.limits(time.monotonic()),
            on_delta=on_delta,
            account=job.account,
            name=job.wanted.plan,
        )
        answer = msgspec.structs.replace(answer, chosen=job.wanted.chosen)
        job.ended(job.wanted.offered, answer)
        return shown(job.request, answer), [
            (s.index, s.completion) for s in pool.samples if s.completion is not None
        ]

    async def stream(emit: Emit) -> None:
        chunks = Chunks(job.id, asked.model, job.created_s)

        def show(index: int, delta: Delta) -> None:
            emit(chunks.delta(index, delta))

        answer, choices = await buy(show)
        finished = [(index, drawn.finish_reason) for index, drawn in choices]
        emit(chunks.end(finished, answer, include_usage=asked.include_usage))

    beyond = Gathered()
    return await _replied(job, partial(buy, beyond.take), stream, beyond)


async def _bought(job: Job, placed: Order) -> ASGIApp:
    """The answer that a strategy chose.

    Its text is streamed while it is written where the strategy commits to its first sample, else once it is chosen.
    """
    asked, live = job.asked, placed.plan.strategy == "single"

    async def buy(listener: Callable[[dict[str, Any]], None] | None = None) -> tuple[Answer, Choices]:
        chosen: list[Completion] = []

        def listen(event: dict[str, Any]) -> None:
            if event["event"] == "chosen":
                chosen[:] = [event["completion"]]
            elif listener is not None:
                listener(event)

        answer = await placed.seller.buy(
            placed.question,
            placed.plan,
            limits=job.options.limits(time.monotonic()),
            listener=listen,
            account=job.account,
            seed=placed.seed,
            live=live and asked.stream,
        )
        missing = (*answer.missing, placed.note) if placed.note else answer.missing
        answer = msgspec.structs.replace(answer, missing=missing, chosen=job.wanted.chosen)
        job.ended(placed.model, answer)
        return shown(job.request, answer), [
            (0, chosen[0] if chosen else Completion(answer.text, "stop", Usage(0, 0)))
        ]

    async def stream(emit: Emit) -> None:
        chunks, shown = Chunks(job.id, asked.model, job.created_s), False

        def show(event: dict[str, Any]) -> None:
            nonlocal shown
            if event["event"] == "progress":
                emit(b": outlay " + msgspec.json.encode(event) + b"\n\n")
            elif live and event["event"] == "text":
                shown = True
                emit(chunks.text(0, event["text"]))

        answer, [(_, drawn)] = await buy(show)
        emit(chunks.rest(0, drawn, shown=shown))
        emit(chunks.end([(0, drawn.finish_reason)], answer, include_usage=asked.include_usage))

    return await _replied(job, buy, stream)


async def _replied(
    job: Job,
    buy: Callable[[], Coroutine[Any, Any, tuple[Answer, Choices]]],
    stream: Callable[[Emit], Awaitable[None]],
    beyond: Gathered | None = None,
) -> ASGIApp:
    if job.asked.stream:
        return EventStream(stream, on_left=job.state.metrics.left.inc, word=partial(worded, job.request))

    answer, choices = await while_connected(job.request.scope, job.request.receive, buy())
    told = chat_reply.completion(job.id, job.asked.model, job.created_s, choices, answer, beyond)
    return Whole(told, headers_of(answer))
