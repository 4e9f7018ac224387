"""`dev.py audit`: known vulnerabilities of the service's packages."""

from __future__ import annotations

import json
import subprocess

from devtools.environment import DATA
from devtools.installation import AUDIT_LOCK, ROOT, SERVICE_LOCK, install, print_status

AUDIT_TIMEOUT = 180.0
"""Seconds for the vulnerability database to answer for all packages."""


def audit() -> int:
    """Look up the packages of the service with pip-audit, which runs in an environment of its own."""
    DATA.mkdir(exist_ok=True)
    install(AUDIT_LOCK, DATA / "audit")
    pip_audit = [str(DATA / "audit" / "bin" / "python"), "-m", "pip_audit", "--progress-spinner=off", "--format=json"]
    command = [*pip_audit, "--disable-pip", "--require-hashes", "--requirement", str(ROOT / SERVICE_LOCK)]
    try:
        completed = subprocess.run(command, capture_output=True, text=True, check=False, timeout=AUDIT_TIMEOUT)
    except subprocess.TimeoutExpired:
        return report_vulnerabilities("", "timeout")
    return report_vulnerabilities(completed.stdout, completed.stderr)


def report_vulnerabilities(report: str, stderr: str) -> int:
    """Print the vulnerabilities and return the exit code: 1 if there are any, 0 also if the lookup failed."""
    try:
        packages = json.loads(report)["dependencies"]
    except ValueError:
        reason = (stderr.strip().splitlines() or ["no output"])[-1]
        print_status(f"audit: no result, because the vulnerability database cannot be reached: {reason}")
        return 0
    vulnerable = [(package, entry) for package in packages for entry in package.get("vulns", [])]
    for package, entry in vulnerable:
        versions = ", ".join(entry["fix_versions"]) or "no version"
        print_status(f"audit: {package['name']} {package['version']} has {entry['id']}, fixed in {versions}")
    skipped = [package["skip_reason"] for package in packages if "skip_reason" in package]
    note = f"; {len(skipped)} skipped: {skipped[0]}" if skipped else ""
    print_status(f"audit: {len(vulnerable)} vulnerabilities in {len(packages) - len(skipped)} packages{note}")
    return 1 if vulnerable else 0
