"""The command line: `outlay QUESTION` asks; every other verb is a file of this folder, found by being there."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cyclopts import App

INTERRUPTED = 130
PIPE_CLOSED = 141
_ABOUT = """Buys correct answers from language models, under a hard budget.

A question alone is asked: outlay "17 * 23?" is outlay ask "17 * 23?".
Every command has its own --help.

Example: outlay "17 * 23?" --strategy self_consistency:n=8 --kind number
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: the top of the process, where failures become sentences.

    0 is success, 1 a failure, 2 a wrong request, 130 an interruption. Failures are told on standard error.

    Args:
        argv: the words after the program's name; None takes the process's.

    Example:
        >>> main(["--version"])
        0.1.0
        0
    """
    from outlay.errors import OutlayError

    _stop_like_ctrl_c()
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        _dispatch(words)
        sys.stdout.flush()
    except OutlayError as error:
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt as stop:
        told = str(stop) or "stopped; what was bought is in the ledger, and `outlay ledger` shows it."
        return _fail(told, INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except OSError as error:
        return _fail(f"{error.filename or 'the system'}: {error.strerror or error}.", 1)
    except Exception as error:  # the process boundary: whatever is left is a defect of outlay's
        return _defect(error)
    return 0


def commands() -> list[str]:
    """The verbs: the names of this folder's public files.

    Example:
        >>> "ask" in commands()
        True
    """
    return sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))


def application(*, listed: bool = False) -> App:
    """The command tree. A command's file is imported when it is called; `listed` reads each first line."""
    from cyclopts import App, Parameter

    from outlay import __version__

    plain = Parameter(negative=(), show_default=False)
    app = App(
        "outlay",
        help=_ABOUT,
        help_format="plaintext",
        version=__version__,
        result_action="return_value",
        exit_on_error=False,
        print_error=False,
        suppress_keyboard_interrupt=False,
        default_parameter=plain,
    )
    for name in commands():
        app.command(f"outlay.cli.{name}:{name}", name=name, help=_first_line(name) if listed else None)
    return app


def _first_line(name: str) -> str:
    with (Path(__file__).parent / f"{name}.py").open(encoding="utf-8") as file:
        return file.readline().strip().strip('"')


def _dispatch(words: list[str]) -> None:
    from cyclopts import CycloptsError

    from outlay.errors import UsageError

    if not words:
        words = ["--help"]
    elif words[0] not in (*commands(), "--help", "-h", "--version"):
        _refuse_typo(words)
        words = ["ask", *words]
    try:
        application(listed=words[0] in ("--help", "-h"))(words)
    except CycloptsError as error:
        told = " ".join(str(error).split()).rstrip(".")
        raise UsageError(f"{told}; see `outlay {words[0]} --help`.") from None


def _refuse_typo(words: list[str]) -> None:
    """One word that is nearly a command is not a question that anybody would pay for."""
    import difflib

    from outlay.errors import UsageError

    if close := difflib.get_close_matches(words[0], commands(), n=1, cutoff=0.66):
        raise UsageError(
            f"There is no command {words[0]!r}; did you mean {close[0]}? "
            f"To ask it as a question: outlay ask {words[0]!r}."
        )


def _stop_like_ctrl_c() -> None:
    """A polite kill settles and saves like Ctrl-C, unless Ctrl-C is ignored: then it must still end the process."""
    import threading

    if threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))


def _fail(sentence: str, code: int) -> int:
    told = " ".join(sentence.split())
    end = "" if told.endswith((".", "?", "!")) else "."
    sys.stderr.write(f"outlay: {told}{end}\n")
    return code


def _defect(error: Exception) -> int:
    if os.environ.get("OUTLAY_LOG_LEVEL", "").lower() == "debug":
        import traceback

        traceback.print_exception(error)
    what = f"{type(error).__name__}: {str(error)[:300]}"
    return _fail(f"a defect of its own ({what}); run it again with OUTLAY_LOG_LEVEL=debug and report that.", 1)
