#!/usr/bin/env python3
"""Develop todo_api. Requires Python 3.11 or later and nothing else.

  python3 dev.py run           serve on http://127.0.0.1:8000, with an embedded PostgreSQL
  python3 dev.py test          run all tests with coverage, in parallel but for those that expect a duration
  python3 dev.py test --quick  run the tests that start no server, in parallel
  python3 dev.py test ARG …    run pytest, such as: python3 dev.py test tests/tasks -k toggle
  python3 dev.py check         run ruff and mypy --strict, and compare the migrations with the models
  python3 dev.py audit         look up known vulnerabilities of the packages in requirements.lock
  python3 dev.py bench [ARG …] run the benchmark, which needs wrk; see python3 dev.py bench --help
  python3 dev.py flask ARG …   run a flask command on the database of `run`, such as: flask db current

The packages are installed in .venv/, pinned by version and hash. The data is stored in .data/. Settings come from the
environment and from .env (see docs/settings.md). If DATABASE_URL is set, no PostgreSQL is started; for the tests,
TEST_DATABASE_URL does the same.
"""

import os
import sys
from pathlib import Path


def main() -> None:
    if sys.version_info < (3, 11):
        sys.exit("dev.py needs Python 3.11 or later; this is %s." % sys.version.split()[0])
    command, arguments = (sys.argv[1:2] or ["--help"])[0], sys.argv[2:]
    if command in {"-h", "--help", "help"} or (
        command in {"run", "check", "audit"} and arguments in (["-h"], ["--help"])
    ):
        print(__doc__)
        sys.exit()
    if command in {"run", "check", "audit"} and arguments:
        sys.exit(f"dev.py {command} takes no arguments. Set settings in the environment: PORT=8001 python3 dev.py run")
    if command not in {"run", "test", "check", "audit", "bench", "flask"}:
        sys.exit(f"dev.py has no command {command!r}; python3 dev.py --help lists the commands.")
    from devtools.installation import PYTHON, ROOT, SERVICE_LOCK, TEST_LOCK, VENV, install

    install(SERVICE_LOCK)
    if command in {"test", "check"}:
        install(TEST_LOCK)
    if Path(sys.prefix) != VENV:
        os.execv(PYTHON, [str(PYTHON), str(ROOT / "dev.py"), command, *arguments])
    os.chdir(ROOT)
    from devtools.commands import COMMANDS

    sys.exit(COMMANDS[command](*arguments))


if __name__ == "__main__":
    main()
