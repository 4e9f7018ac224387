"""Node.js, with the packages of a folder."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

NODE = shutil.which("node")
NPM = shutil.which("npm")
MINIMUM = (20, 19)
"""What the packages of all folders require."""


def node_with_packages(folder: Path) -> str:
    """Return Node's path, with the packages of the folder's package-lock.json installed; skip the test without Node."""
    if NODE is None or NPM is None:
        pytest.skip("there is no Node.js with npm on this machine (apt install nodejs npm)")
    version = subprocess.run([NODE, "--version"], capture_output=True, text=True, check=True, timeout=30).stdout.strip()
    if tuple(int(number) for number in version.removeprefix("v").split(".")[:2]) < MINIMUM:
        pytest.skip(f"the packages need Node.js {'.'.join(map(str, MINIMUM))} or later; this is {version}")
    # npm leaves a copy of the lock in what it has installed; it is written last.
    installed = folder / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < (folder / "package-lock.json").stat().st_mtime:
        command = [NPM, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, f"npm ci: {done.stderr}"
    return NODE
