"""The result of a check of `flask doctor`."""

from __future__ import annotations

from typing import NamedTuple

from todo_api.operations.cli import one_line


class Finding(NamedTuple):
    """The result of a check: ok, warn or fail, and how to fix a problem."""

    state: str
    name: str
    text: str
    fix: str = ""

    def __str__(self) -> str:
        """Return the line."""
        fix = f" - {self.fix}" if self.fix else ""
        return one_line(f"{self.state:<4} {self.name}: {self.text}{fix}")
