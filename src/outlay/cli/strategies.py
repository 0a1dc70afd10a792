"""List the strategies, or describe one."""

from __future__ import annotations


def strategies(name: str | None = None) -> None:
    """List the ways to buy an answer, or describe one with its parameters.

    Example: outlay strategies best_of_n

    Parameters
    ----------
    name:
        A strategy, or package.module:function.
    """
    from outlay.cli import _plugins

    if name is None:
        _plugins.listed("strategy", "outlay strategies NAME describes one; write it as NAME:key=value,…")
    else:
        _plugins.described("strategy", name)
