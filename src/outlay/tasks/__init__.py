"""Where questions come from: one format or generator a file, each with its answer kind and its scorer.

A task file holds one public function, `def NAME(questions, seed, *, …) -> Task`; its keyword-only parameters
are what a user may set. `open_task` turns what a user writes into a task.
"""

from outlay.tasks._item import CORRECT, Item, Task
from outlay.tasks._open import open_task

__all__ = ["CORRECT", "Item", "Task", "open_task"]
