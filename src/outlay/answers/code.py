"""A piece of Python, compared as a syntax tree: comments, docstrings and layout do not matter.

Nothing is executed. The last closed fenced block that is not labelled as another language or as output wins;
without fences the whole text counts if it is Python that defines or does something. Programs that behave
alike but are written differently are different classes here: what they do is told apart by their tests, in
the sandbox.
"""

from __future__ import annotations

import ast
import warnings

from outlay.answers._stated import fences, tail

LONGEST = 50_000
"""Characters of code that are read."""
_PYTHON = {"", "python", "py", "python3", "py3"}


def extract(text: str) -> str | None:
    """The code that a reply gives; None where it gives none.

    Example:
        >>> extract(chr(10).join(["Here:", "```python", "x = 1  # one", "```", "It works."]))
        'x = 1  # one'
    """
    blocks = [body for language, body in fences(text, LONGEST) if language in _PYTHON and body.strip()]
    if blocks:
        return blocks[-1]
    whole = tail(text, LONGEST).strip()
    tree = _tree(whole) if len(text) <= LONGEST else None
    does_something = tree is not None and any(not isinstance(node, ast.Expr) for node in tree.body)
    return whole if does_something else None


def canonical(value: str) -> str | None:
    r"""The code as its syntax tree writes it, trimmed lines where it is not Python; None: too long or empty.

    Example:
        >>> canonical("def f( x ):  # doubles\n    return 2*x")
        'def f(x):\n    return 2 * x'
    """
    if len(value) > LONGEST:
        return None
    tree = _tree(value)
    if tree is not None:
        try:
            return ast.unparse(_without_docstrings(tree)) or None
        except (RecursionError, ValueError):
            return None
    lines = (line.rstrip() for line in value.splitlines())
    return "\n".join(line for line in lines if line) or None


def equal(value: str, reference: str) -> bool:
    """Whether two pieces of code are the same program text; whether they behave alike is for tests to say.

    Example:
        >>> equal("x=1", "x = 1  # same")
        True
    """
    key = canonical(value)
    return key is not None and key == canonical(reference)


def _tree(code: str) -> ast.Module | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and (
            ast.get_docstring(node, clean=False) is not None
        ):
            node.body = node.body[1:] or ([] if isinstance(node, ast.Module) else [ast.Pass()])
    return tree
