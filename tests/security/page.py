"""Write docs/security.md from the catalogue and the tests: .venv/bin/python -m tests.security.page."""

from __future__ import annotations

import ast
from collections import defaultdict
from typing import TYPE_CHECKING

from tests.security.absent import ABSENT
from tests.security.catalogue import SECTIONS
from tests.support.processes import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = ROOT / "docs" / "security.md"
MODULES = sorted(ROOT.glob("tests/**/test_*.py"))

HEAD = """# Security promises and their tests

Each line is a promise, with the tests that hold it. Wherever possible, the tests attack a running service from outside.
Every response is searched for internal errors and for data that it must not contain. `python3 dev.py test` runs all of
them, and `python3 dev.py test tests/security` runs only the attacks.

`.venv/bin/python -m tests.security.page` writes this page, and a test compares it.
"""

Evidence = dict[str, list[tuple[str, str]]]
"""The tests of each item, as pairs of file and function name."""


def evidence() -> Evidence:
    """Return the tests that name each item in `@pytest.mark.shows`."""
    tests_of: Evidence = defaultdict(list)
    for path in MODULES:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef):
                for item in marked_items(node):
                    tests_of[item].append((str(path.relative_to(ROOT)), node.name))
    return dict(tests_of)


def marked_items(function: ast.FunctionDef) -> Iterator[str]:
    """Yield the items in the function's `@pytest.mark.shows`."""
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.shows":
            yield from map(ast.literal_eval, decorator.args)


def page() -> str:
    """Return the text of the page."""
    tests_of = evidence()
    parts = [HEAD]
    for title, items in SECTIONS.items():
        parts.append(f"\n## {title}\n\n| item | promise | tests |\n|---|---|---|\n")
        parts += [f"| {item} | {promise} | {links(tests_of.get(item, []))} |\n" for item, promise in items.items()]
    parts.append("\n## What does not apply\n\n| part of ASVS | reason |\n|---|---|\n")
    parts += [f"| {part} | {reason} |\n" for part, reason in ABSENT.items()]
    return "".join(parts)


def links(tests: list[tuple[str, str]]) -> str:
    """Return links to tests, one per line of a table cell."""
    return "<br>".join(f"[{name.removeprefix('test_')}](../{path})" for path, name in tests)


if __name__ == "__main__":
    PAGE.write_text(page())
