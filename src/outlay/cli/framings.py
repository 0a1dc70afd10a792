"""List the framings, or describe one."""

from __future__ import annotations


def framings(name: str | None = None) -> None:
    """List what can be put around a question, or describe one with its parameters.

    Example: outlay framings

    Parameters
    ----------
    name:
        A framing, or package.module:function.
    """
    from outlay.cli import _plugins

    if name is None:
        _plugins.listed("framing", "outlay framings NAME describes one; write it as --framing NAME:key=value,…")
    else:
        _plugins.described("framing", name)
