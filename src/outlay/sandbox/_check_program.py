"""Runs a candidate against checks, inside the sandbox. It is sent there as text and stands alone.

It reads one JSON object from stdin, {key, code, tests}, and writes a line `KEY start TOTAL`, then `KEY pass
I` for each check that passes. The candidate's own output goes nowhere, and a line without the key counts for
nothing.
"""

import ast
import io
import json
import os
import sys
import types


def checks_of(tree: ast.Module) -> int:
    """How many checks a test source holds."""
    return sum(is_check(node) for node in tree.body) + len(functions_of(tree))


def is_check(node: ast.stmt) -> bool:
    """Whether a top-level statement is a check: an assertion, a call, or a block that asserts."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Call)
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return False
    return any(isinstance(inner, ast.Assert) for inner in ast.walk(node))


def functions_of(tree: ast.Module) -> list[str]:
    """The names of the test functions."""
    return [n.name for n in tree.body if isinstance(n, ast.FunctionDef) and n.name.startswith("test")]


def holds(call) -> bool:
    """Whether a piece of foreign code runs through; whatever it raises, also SystemExit, is a no."""
    try:
        call()
    except BaseException:
        return False
    return True


def main() -> None:
    """Run the candidate, then each check in order, in the candidate's own module."""
    job = json.loads(sys.stdin.buffer.read())
    key, report = job["key"], os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    sys.stdin = io.StringIO()

    def say(text: str) -> None:
        os.write(report, f"{key} {text}\n".encode())

    tree = ast.parse(job["tests"])
    say(f"start {checks_of(tree)}")
    module = types.ModuleType("candidate")
    sys.modules["candidate"] = module
    space = vars(module)
    if not holds(lambda: exec(compile(job["code"], "candidate.py", "exec"), space)):
        return
    done = 0
    for node in tree.body:
        step = compile(ast.Module([node], []), "tests.py", "exec")
        passed = holds(lambda step=step: exec(step, space))
        if is_check(node):
            done += 1
            if passed:
                say(f"pass {done}")
    for name in functions_of(tree):
        done += 1
        if holds(lambda name=name: space[name]()):
            say(f"pass {done}")


if __name__ == "__main__":
    main()
