"""Writes docs/security.md from the catalogue and the tests: .venv/bin/python -m tests.security.page."""

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

HEAD = """# What the service is safe from

Each line is a promise and the tests that hold it. They attack a running service from outside wherever that can be done,
and every answer is searched for faults and for what it must not tell. `python3 dev.py test` runs them all, and
`python3 dev.py test tests/security` those that only attack.

This page is written by `.venv/bin/python -m tests.security.page`; a test compares.
"""

Evidence = dict[str, list[tuple[str, str]]]


def evidence() -> Evidence:
    """Return the tests of each item, as pairs of file and name."""
    found: Evidence = defaultdict(list)
    for path in MODULES:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef):
                for item in shown(node):
                    found[item].append((str(path.relative_to(ROOT)), node.name))
    return dict(found)


def shown(function: ast.FunctionDef) -> Iterator[str]:
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.shows":
            yield from map(ast.literal_eval, decorator.args)


def written() -> str:
    """Return the page."""
    found = evidence()
    parts = [HEAD]
    for title, items in SECTIONS.items():
        parts.append(f"\n## {title}\n\n| item | promise | tests |\n|---|---|---|\n")
        parts += [f"| {item} | {promise} | {tests(found.get(item, []))} |\n" for item, promise in items.items()]
    parts.append("\n## What does not apply\n\n| part of ASVS | why |\n|---|---|\n")
    parts += [f"| {part} | {reason} |\n" for part, reason in ABSENT.items()]
    return "".join(parts)


def tests(found: list[tuple[str, str]]) -> str:
    return "<br>".join(f"[{name.removeprefix('test_')}](../{path})" for path, name in found)


if __name__ == "__main__":
    PAGE.write_text(written())
