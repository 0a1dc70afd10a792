"""List the tools of an agent, or describe one."""

from __future__ import annotations


def tools(name: str | None = None) -> None:
    """List the tools that an agent can call, or describe one with its settings.

    Example: outlay tools python

    Parameters
    ----------
    name:
        A tool, or package.module:function.
    """
    from outlay.cli import _plugins
    from outlay.tools._tool import open_tool

    if name is None:
        _plugins.listed("tool", "outlay tools NAME describes one; write it as --tool NAME:calls=5,key=value,…")
        return
    open_tool(name, calls=0)  # refuses what is no tool
    _plugins.described("tool", name)
