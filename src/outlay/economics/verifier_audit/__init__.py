"""What a checker is worth: its price, its two kinds of error and how far its repeats repeat them, from an audit."""

from outlay.economics.verifier_audit.audit import Audit, audit
from outlay.economics.verifier_audit.measured import Measured

__all__ = ["Audit", "Measured", "audit"]
