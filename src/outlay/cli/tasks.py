"""List the tasks, or describe one."""

from __future__ import annotations


def tasks(name: str | None = None) -> None:
    """List where questions can come from, or describe one task with its parameters.

    Example: outlay tasks chain_sum

    Parameters
    ----------
    name:
        A task, or package.module:function.
    """
    from outlay.cli import _plugins

    if name is None:
        _plugins.listed("task", "outlay tasks NAME describes one; write it as NAME?key=value&… or name a file.")
    else:
        _plugins.described("task", name)
