"""The plugins of a kind for people: a list with first lines, or one with its parameters and documentation."""

from __future__ import annotations

import inspect


def listed(kind: str, more: str) -> None:
    """Print every name of a kind with the first line of its documentation; `more` says how to go on."""
    from outlay import plugins
    from outlay.cli._terminal import note, rows

    rows("", (kind, "what it does"), plugins.names(kind).items())
    note(more)


def described(kind: str, name: str) -> None:
    """Print one plugin: its documentation, what it needs of a model, and its parameters with their bounds.

    Raises:
        UsageError: there is no such name; the sentence names the nearest one.
    """
    from outlay import plugins
    from outlay.cli._terminal import rows, safe

    target = plugins.load(kind, name)
    print(f"{name}\n\n{safe(inspect.getdoc(target) or 'It has no documentation.')}\n")
    if needs := sorted(getattr(plugins.module_of(target), "NEEDS", ())):
        print(f"Needs a model with: {', '.join(needs)}\n")
    known = plugins.parameters(target)
    if not known:
        print("It has no parameters.")
        return
    table = [(p.name, p.bounds, "required" if p.required else plugins.quoted(p.default)) for p in known]
    rows("", ("parameter", "allowed", "default"), table)
