"""The statements of the service, as they are compiled, with the place that built each of them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from tests.scale.exceptions import ALLOWED
from tests.scale.routing import violations
from todo_api.database.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from sqlalchemy import ClauseElement

PACKAGE = "todo_api."
FORWARDING = {"fetch_owned", "stream_owned", "write_owned", "write_checked", "for_credential"}
"""Functions that execute the statements of their callers."""


class CompiledStatements:
    """The statements that were compiled since the last look, and the places that built them."""

    def __init__(self) -> None:
        self.new: list[tuple[str, Statement]] = []
        self.places: dict[ClauseElement, str] = {}

    def watch(self) -> None:
        """Collect the statements of the modules, and from now on each that is compiled."""
        for place, statement in module_statements():
            self.add(place, statement)
        compile_clause = Statement.__init__

        def compile_and_add(statement: Statement, clause: ClauseElement, **options: Any) -> None:
            compile_clause(statement, clause, **options)
            place = self.places.get(clause) or caller(sys._getframe(1))  # noqa: SLF001 - documented
            if place is not None:
                self.add(place, statement)

        Statement.__init__ = compile_and_add  # type: ignore[assignment, method-assign]

    def add(self, place: str, statement: Statement) -> None:
        self.places[statement.clause] = place
        self.new.append((place, statement))

    def check(self) -> list[str]:
        """Return what the rule forbids in the new statements, but for what is allowed."""
        checked, self.new = self.new, []
        found = ((place, text, statement.text) for place, statement in checked for text in violations(statement))
        forbidden = [f"{place}: {text}\n{sql}" for place, text, sql in found if not is_allowed(place, text)]
        self.new.clear()  # the check compiles statements itself
        return forbidden


def module_statements() -> Iterator[tuple[str, Statement]]:
    """Yield the statements that are variables of loaded modules, each with its first name."""
    modules = [(name, module) for name, module in sys.modules.items() if name.startswith(PACKAGE)]
    statements = {
        value: f"{name}.{variable}".removeprefix(PACKAGE)
        for name, module in reversed(modules)
        for variable, value in vars(module).items()
        if isinstance(value, Statement)
    }
    yield from ((place, statement) for statement, place in statements.items())


def caller(frame: FrameType | None) -> str | None:
    """Return the function of the service that has built the statement, or None if it was a test."""
    while frame is not None:
        module: str = frame.f_globals.get("__name__", "")
        is_forwarding = module.startswith(f"{PACKAGE}database.") or frame.f_code.co_name in FORWARDING
        if module.startswith(PACKAGE) and not is_forwarding:
            return f"{module}.{frame.f_code.co_qualname}".removeprefix(PACKAGE)
        frame = frame.f_back
    return None


def is_allowed(place: str, violation: str) -> bool:
    """Return whether a place, or a module that begins like it, may violate the rule in this way."""
    return any(violation in allowed for prefix, allowed in ALLOWED.items() if place.startswith(prefix))


COMPILED = CompiledStatements()
