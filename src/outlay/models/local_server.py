"""The child process of a local model: llama.cpp's own server on loopback, for as long as the parent lives.

Run as `python -m outlay.models.local_server` with one line of JSON on stdin (`Settings`). It answers with one
line of JSON on stdout (`Ready` or `Failed`), serves until stdin is closed (which the kernel does when the
parent dies, however it dies), and writes its log to stderr. A crash inside llama.cpp takes this process down
and no other.
"""

from __future__ import annotations

import os
import sys

import msgspec

SPINS = "20000"
"""Turns that a thread spins before it sleeps: as fast as endless ones on idle cores, and harmless on busy ones."""
SIMILAR = 0.5
"""The share of a prompt that a slot must hold already to be given to it; else the slot that rested longest is."""


class Settings(msgspec.Struct, frozen=True):
    """What one server runs with: a model file, slots, and for each slot a context of its own."""

    path: str
    slots: int
    context_tokens: int
    threads: int
    api_key: str


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The server listens at `url`."""

    url: str


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The server did not start; `why` is what llama.cpp said."""

    why: str


def main() -> None:
    """Serves until stdin is closed."""
    answer = os.fdopen(os.dup(1), "wb", buffering=0)
    # llama.cpp may print to stdout, which belongs to the answer alone.
    os.dup2(2, 1)
    settings = msgspec.json.decode(sys.stdin.buffer.readline(), type=Settings)
    try:
        server = serve(settings)
    except RuntimeError as error:
        answer.write(msgspec.json.encode(Failed(str(error))) + b"\n")
        sys.exit(1)
    answer.write(msgspec.json.encode(Ready(server.listening_address)) + b"\n")
    while os.read(0, 4096):
        pass
    # Nothing of a server that nobody can reach any more is worth an orderly end.
    os._exit(0)


def serve(settings: Settings):
    """A running llama.cpp server.

    Every default that would distort accounts or swallow the machine is set here: as many slots as wanted (1
    by default) over one unified cache with room for a whole context in each slot, no prompts kept in main
    memory besides it (8 GiB by default), no slot given away to a prompt that only begins like what it holds (a
    tenth in common is enough by default), loopback only, a key, one thread a core. Sampling defaults (`top_k`
    40, `top_p` 0.95, `min_p` 0.05) are set to the model's own distribution here too, though every request
    states its own.

    Raises:
        RuntimeError: llama.cpp cannot load the model.
    """
    _yield_while_waiting()
    import xllamacpp

    params = xllamacpp.CommonParams()  # pyright: ignore[reportAttributeAccessIssue]
    params.model.path = settings.path
    params.n_parallel = settings.slots
    params.kv_unified = True
    params.n_ctx = settings.slots * settings.context_tokens
    params.kv_unified_per_slot = settings.context_tokens
    params.cache_ram_mib = 0
    params.slot_prompt_similarity = SIMILAR
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [settings.api_key]
    params.ui = False
    params.endpoint_slots = True
    params.endpoint_metrics = True
    params.verbosity = 2
    params.cpuparams.n_threads = settings.threads
    params.cpuparams_batch.n_threads = settings.threads
    params.cpuparams.poll = params.cpuparams_batch.poll = 0
    params.sampling.top_k = 0
    params.sampling.top_p = 1.0
    params.sampling.min_p = 0.0
    params.sampling.temp = 1.0
    return xllamacpp.Server(params)  # pyright: ignore[reportAttributeAccessIssue]


def _yield_while_waiting() -> None:
    """Let threads that wait for each other spin only briefly and then sleep, unless the user chose otherwise.

    By default they spin on: on cores that other work shares, each waits in full slices for one that does not run, and
    a reply takes very much longer; without any spinning one alone takes longer on idle cores. The runtime of OpenMP
    reads this when it is loaded, so it comes first.
    """
    if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & set(os.environ):
        os.environ["GOMP_SPINCOUNT"] = SPINS


if __name__ == "__main__":
    main()
