"""Public default endpoints of providers: the only place where one is named."""

from __future__ import annotations

OPENAI = "https://api.openai.com/v1"
