"""Bring a model file to this machine."""

from __future__ import annotations


def pull(model: str) -> None:
    """Bring a model file to this machine, whichever source has it.

    Only the right bytes are accepted. An interrupted pull goes on where it
    broke off when the same command is run again.

    Example: outlay pull qwen2.5-coder-0.5b

    Parameters
    ----------
    model:
        A name of the catalogue (see outlay models), the address of a .gguf file, or a path to one.
    """
    from outlay.cli._progress import progress
    from outlay.cli._terminal import note
    from outlay.models.pull import Progress, pull

    with progress("bytes") as tell:

        def on_progress(p: Progress) -> None:
            tell(p.done_bytes, p.total_bytes, p.source)

        try:
            pulled = pull(model, on_progress=on_progress)
        except KeyboardInterrupt:
            raise KeyboardInterrupt("stopped; run the same command again to go on from there.") from None
    note(f"{'Pulled from ' + pulled.source if pulled.source else 'Already here'}; SHA-256 {pulled.sha256}")
    note(f"Licence: {pulled.licence or 'unknown to outlay; see where the file comes from'}")
    print(pulled.path)
