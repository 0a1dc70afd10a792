"""The report as one JSON file."""

from __future__ import annotations

from pathlib import Path

import msgspec

from outlay.errors import UsageError
from outlay.report.summary import Report


def write(report: Report, path: Path) -> None:
    """Write everything that the page shows as JSON, replacing the file; unknown and endless figures are null.

    Args:
        report: the report.
        path: the file.

    Raises:
        UsageError: the file cannot be written there.
    """
    try:
        path.write_bytes(msgspec.json.encode(report))
    except OSError as error:
        raise UsageError(f"The data cannot be written to {path}: {error.strerror or error}.") from None
