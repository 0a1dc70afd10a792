"""Makes `tests/support` importable: `from upstream import Upstream`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "support"))
