"""The commands of `flask`, run in this process."""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.actors import PASSWORD

if TYPE_CHECKING:
    from click.testing import Result
    from flask import Flask

EMAIL = "ada@example.com"
NEW_PASSWORD = "a longer horse battery"


class Terminal(io.BytesIO):
    """Standard input that is a terminal."""

    def isatty(self) -> bool:
        return True


@dataclass
class CLI:
    """Runs commands of an application. No output may contain a password."""

    app: Flask

    def __call__(self, *arguments: str, stdin: str | bytes | Terminal = "") -> Result:
        result = self.app.test_cli_runner().invoke(args=arguments, input=stdin)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        assert PASSWORD not in result.output
        assert NEW_PASSWORD not in result.output
        return result

    def create_user(self, *options: str) -> None:
        result = self("users", "create", EMAIL, "--password-stdin", *options, stdin=PASSWORD)
        assert (result.exit_code, result.stderr) == (0, "")

    def users(self) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = json.loads(self("users", "list", "--json").stdout)
        return rows

    def signs_in(self, password: str, email: str = EMAIL) -> bool:
        """Return whether a sign-in with the password succeeds."""
        account = {"email": email, "password": password}
        response = self.app.test_client(use_cookies=False).post("/api/auth/sign-in/email", json=account)
        assert response.status_code in {200, 401}
        return response.status_code == 200


def fails(result: Result, message: str) -> bool:
    """Return whether a command failed with one line that matches the message."""
    assert (result.exit_code, result.stdout) == (1, "")
    assert re.fullmatch(f"Error: .*{message}.*\n", result.stderr), result.stderr
    return True
