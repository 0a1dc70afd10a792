"""What a question on a context cost, with notes or without: from it follows whether the notes pay."""

from __future__ import annotations

import time
from typing import cast

from outlay.run import Run
from outlay.store.contexts import Use
from outlay.store.protocol import Store
from outlay.store.sleeping import Sleeping
from outlay.types import Answer


async def keep_use(store: Store, run: Run, answer: Answer, trace_id: str, tenant: str) -> None:
    """Keep the cost of an answer with the context that a framing found its question on; nothing where none did."""
    if run.on_context is None:
        return
    use = Use(
        id=trace_id,
        tenant=tenant,
        cost_nusd=answer.cost_nusd,
        input_tokens=answer.usage.input_tokens,
        output_tokens=answer.usage.output_tokens,
        at_us=time.time_ns() // 1000,
        **run.on_context,
    )
    await cast(Sleeping, store).add_use(use)
