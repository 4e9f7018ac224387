"""The scopes of API keys (RFC 6749 section 3.3). A view declares its scope: `owner_required("tasks:read")`.

Better Auth's permissions are the same in another form: `{"tasks": ["read", "write"]}`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Scope = Literal["tasks:read", "tasks:write", "feeds:manage"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
DEFAULT_SCOPES: tuple[Scope, ...] = ("tasks:read", "tasks:write")
"""The scopes of a key for which none are chosen."""

Permissions = dict[str, list[str]]
"""The actions by resource."""


def permissions_of(scopes: Iterable[str]) -> Permissions:
    """Return the scopes as permissions."""
    permissions: Permissions = {}
    for scope in scopes:
        resource, _, action = scope.partition(":")
        permissions.setdefault(resource, []).append(action)
    return permissions


def scopes_of(permissions: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the permissions as scopes, in the order of `SCOPES`."""
    granted = {f"{resource}:{action}" for resource, actions in permissions.items() for action in actions}
    return [scope for scope in SCOPES if scope in granted]
