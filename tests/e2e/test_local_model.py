"""The embedded model for real, SmolLM2-135M: every trap of llama.cpp that could falsify an account."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import aclosing
from pathlib import Path

import pytest

from outlay.errors import BadRequest, ProviderError, Unreachable
from outlay.models import price_book
from outlay.models.cores import cores
from outlay.models.local import local
from outlay.models.local_process import LocalProcess, lease, release
from outlay.money import FREE
from outlay.types import Delta, Request, Sampling

pytest_plugins = ("local_models",)
pytestmark = pytest.mark.local_model

ON = {"ignore_eos": True}
SLOTS = 4
CONTEXT_TOKENS = 512


@pytest.fixture(scope="module")
def served(smollm2: Path, tmp_path_factory: pytest.TempPathFactory):
    """One running server, which every `local` with these slots and this context then shares."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OUTLAY_HOME", str(tmp_path_factory.mktemp("home")))
        process = lease(smollm2, SLOTS, CONTEXT_TOKENS, cores())
        process.ensure()
        yield process
        release(process)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OUTLAY_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
async def model(served: LocalProcess, smollm2: Path):
    """A provider on the module's server."""
    provider = local(smollm2, slots=SLOTS, context_tokens=CONTEXT_TOKENS, price=FREE)
    yield provider
    await provider.close()


@pytest.fixture
async def own(smollm2: Path):
    """A provider on a server of its own, which a test may kill."""
    provider = local(smollm2, slots=2, context_tokens=256, price=FREE)
    yield provider
    await provider.close()


def ask(
    text: str, *, tokens: int = 8, n: int = 1, seed: int = 1, prefix: str | None = None, **sampling
) -> Request:
    extra = sampling.pop("extra", ON)
    messages = ({"role": "user", "content": text},)
    drawing = Sampling(extra=extra, **sampling)
    return Request(messages, max_output_tokens=tokens, n=n, seed=seed, prefix=prefix, sampling=drawing)


async def drawn(provider: local, request: Request) -> list[Delta]:
    return [delta async for delta in provider.stream(request)]


def texts(deltas: list[Delta], n: int = 1) -> list[str]:
    return ["".join(d.text for d in deltas if d.choice == i) for i in range(n)]


async def killed_at_work(provider: local) -> None:
    async for delta in provider.stream(ask("Count.", tokens=200)):
        if delta.text and provider.pid:
            os.kill(provider.pid, signal.SIGKILL)


def prompt_tokens_read(served: LocalProcess) -> float:
    line = next(
        li for li in get(served, "/metrics").splitlines() if li.startswith("llamacpp:prompt_tokens_total ")
    )
    return float(line.split()[1])


def get(served: LocalProcess, path: str, key: str | None = None):
    headers = {"Authorization": f"Bearer {served.api_key if key is None else key}"}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(served.url + path, headers=headers), timeout=10) as reply:
        text = reply.read().decode()
        return json.loads(text) if reply.headers.get_content_type() == "application/json" else text


async def test_chains_that_begin_alike_keep_the_slots_that_hold_them(own: local):
    async def read_anew(text: str, prefix: str) -> int:
        usage = [d.usage for d in await drawn(own, ask(text, tokens=1, prefix=prefix)) if d.usage][-1]
        return usage.input_tokens - usage.cache_read_tokens

    shared = "Work in steps, one operation a line. "
    questions = [shared + " ".join(f"{start + i}" for i in range(30)) for start in (100, 200)]
    for text in questions:
        await read_anew(text, "First,")
    for text in questions:
        assert await read_anew(text, "First, add the") < 8


async def test_choices_of_one_request_read_the_prompt_once_and_count_their_own_output(
    model: local, served: LocalProcess
):
    request = ask("Sort these: " + " ".join(f"w{i}" for i in range(40)), n=SLOTS, tokens=6)
    prompt_tokens = await model.count_input(request)
    before = await asyncio.to_thread(prompt_tokens_read, served)
    usages = [d.usage for d in await drawn(model, request) if d.usage]
    assert [u.input_tokens for u in usages] == [prompt_tokens] * SLOTS
    assert [u.output_tokens for u in usages] == [6] * SLOTS
    # Every choice repeats the whole prompt in its usage; what the server worked through is in its own counter.
    read = await asyncio.to_thread(prompt_tokens_read, served) - before
    assert 0 < read <= prompt_tokens


async def test_choices_of_one_seed_differ(model: local):
    assert len(set(texts(await drawn(model, ask("Tell me a story.", n=SLOTS, tokens=12)), SLOTS))) == SLOTS


async def test_one_seed_alone_twice_gives_the_same_text(model: local):
    first, second = [texts(await drawn(model, ask("Name a colour.", seed=7, tokens=12))) for _ in range(2)]
    assert first == second


async def test_more_choices_than_slots_are_refused_before_anything_is_started(smollm2: Path):
    provider = local(smollm2, slots=2, price=FREE)
    with pytest.raises(BadRequest, match="has 2 slots and cannot draw 3 choices in one request"):
        await drawn(provider, ask("hi", n=3))
    assert provider.pid is None


@pytest.mark.parametrize("tokens", [0, -1])
async def test_no_output_tokens_are_refused_although_the_server_would_write_one(model: local, tokens: int):
    with pytest.raises(BadRequest, match="ask for at least one"):
        await drawn(model, ask("hi", tokens=tokens))


async def test_an_unknown_role_is_refused_although_the_server_would_take_it(model: local):
    request = Request(({"role": "banana", "content": "hi"},), max_output_tokens=4)
    with pytest.raises(BadRequest, match="'banana' is no role"):
        await drawn(model, request)


async def test_a_prefix_is_continued_with_new_text_only_and_counted_as_input(model: local):
    prefix = "The three primary colours are red, blue and"
    request = ask("Name the three primary colours.", prefix=prefix, temperature=0.0, tokens=4)
    deltas = await drawn(model, request)
    (text,) = texts(deltas)
    assert text
    assert not text.startswith("The three")
    assert text[0] in " ,"
    (usage,) = [d.usage for d in deltas if d.usage]
    assert usage.input_tokens == await model.count_input(request)
    assert usage.input_tokens > await model.count_input(ask("Name the three primary colours."))


async def test_counts_are_those_of_the_models_own_tokenizer(model: local):
    request = ask("How many legs does a spider have?")
    (usage,) = [d.usage for d in await drawn(model, request) if d.usage]
    assert await model.count_input(request) == usage.input_tokens
    assert await model.count_text("one two three") == 3


async def test_samples_come_from_the_models_whole_distribution(model: local):
    # Hot enough that a cut at 40 tokens, at 95 % or at 0.05 of the likeliest would be seen at once.
    deltas = await drawn(model, ask("Say something.", temperature=5.0, top_logprobs=40, tokens=24))
    tokens = [t for d in deltas for t in d.logprobs]
    assert len(tokens) == 24
    assert any(t.token not in dict(t.top) for t in tokens)


async def test_logprobs_are_the_untempered_models_whatever_the_temperature(model: local):
    cold, hot = [
        [
            t
            for d in await drawn(model, ask("Say hello.", temperature=t, top_logprobs=5, tokens=1))
            for t in d.logprobs
        ]
        for t in (0.0, 5.0)
    ]
    assert cold[0].top[0][1] == pytest.approx(hot[0].top[0][1], abs=0.05)


async def test_the_servers_own_defaults_do_not_distort_either(served: LocalProcess):
    params = get(served, "/props")["default_generation_settings"]["params"]
    assert (params["top_k"], params["top_p"], params["min_p"], params["temperature"]) == (0, 1.0, 0.0, 1.0)


async def test_a_closed_stream_frees_its_slots(model: local, served: LocalProcess):
    async with aclosing(model.stream(ask("Count upwards.", n=SLOTS, tokens=400))) as deltas:  # pyright: ignore
        async for delta in deltas:
            if delta.text:
                break
        assert any(slot["is_processing"] for slot in await asyncio.to_thread(get, served, "/slots"))
    # 1,600 tokens would take a quarter of a minute; what is asserted is that nobody is writing them.
    deadline = time.monotonic() + 10
    while any(slot["is_processing"] for slot in await asyncio.to_thread(get, served, "/slots")):
        assert time.monotonic() < deadline


async def test_a_prompt_longer_than_the_context_is_one_sentence(model: local):
    with pytest.raises(BadRequest, match=str(CONTEXT_TOKENS)):
        await drawn(model, ask("word " * (CONTEXT_TOKENS + 50)))


async def test_every_slot_has_room_for_a_whole_context(model: local):
    requests = [ask(f"{i} " + "word " * (CONTEXT_TOKENS - 200), tokens=1) for i in range(2)]
    replies = await asyncio.gather(*(drawn(model, r) for r in requests))
    assert all(d[-1].usage.input_tokens > CONTEXT_TOKENS - 200 for d in replies)  # pyright: ignore


def test_only_who_has_the_key_is_served_and_the_key_is_on_no_command_line(served: LocalProcess):
    with pytest.raises(urllib.error.HTTPError, match="401") as refusal:
        get(served, "/slots", key="guess")
    refusal.value.close()
    assert served.url.startswith("http://127.0.0.1:")
    assert served.api_key not in Path(f"/proc/{served.pid}/cmdline").read_text()


async def test_providers_of_one_file_share_a_server_and_the_last_one_stops_it(smollm2: Path):
    first, second = (local(smollm2, slots=2, context_tokens=512, price=FREE) for _ in range(2))
    await asyncio.gather(drawn(first, ask("hi", tokens=1)), drawn(second, ask("hello", tokens=1)))
    pid = first.pid
    assert pid == second.pid
    await first.close()
    assert second.pid == pid
    await second.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid or 0, 0)


async def test_a_killed_server_is_said_and_started_again_by_the_next_request(own: local):
    await drawn(own, ask("hi", tokens=1))
    with pytest.raises(Unreachable, match=r"smollm2-135m was killed by signal 9 \(out of memory\?\)") as death:
        await killed_at_work(own)
    assert death.value.retryable
    assert death.value.billed
    assert texts(await drawn(own, ask("hi", tokens=2)))[0]


async def test_a_model_that_kills_its_server_every_time_is_given_up(own: local):
    for _ in range(2):
        with pytest.raises(Unreachable) as death:
            await killed_at_work(own)
        assert not death.value.fatal
    with pytest.raises(Unreachable, match="died twice in a row") as death:
        await drawn(own, ask("hi"))
    assert death.value.fatal


async def test_a_file_that_is_no_model_is_one_sentence(tmp_path: Path):
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + b"\0" * 4096)
    provider = local(tmp_path / "broken.gguf", price=FREE)
    with pytest.raises(ProviderError, match=r"cannot load broken\.gguf") as failure:
        await drawn(provider, ask("hi"))
    assert failure.value.fatal
    await provider.close()


def test_the_server_ends_with_its_parent_however_that_ends(smollm2: Path):
    code = (
        "import sys, time; from pathlib import Path\n"
        "from outlay.models.local_process import lease\n"
        "process = lease(Path(sys.argv[1]), 1, 256, 1); process.ensure()\n"
        "print(process.pid, flush=True); sys.stdin.read()"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code, str(smollm2)], **pipes) as parent:  # pyright: ignore
        server = os.pidfd_open(int(parent.stdout.readline()))  # pyright: ignore
        parent.kill()
    ended, _, _ = select.select([server], [], [], 10)
    os.close(server)
    assert ended


async def test_the_price_is_measured_once_and_frozen(
    own: local, smollm2: Path, monkeypatch: pytest.MonkeyPatch
):
    own._price = None
    price = (await own.card()).price
    assert price is not None
    assert price.output_nusd_per_mtok > 0
    assert price.input_nusd_per_mtok > 0
    assert "at $0.04 a core-hour" in price.source
    again = local(smollm2, slots=2, context_tokens=256)
    assert (await again.card()).price == price
    assert again.pid is None
    assert len(price_book._read().local) == 1
