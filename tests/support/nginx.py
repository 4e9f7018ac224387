"""nginx with the configuration of deploy/, in front of a service."""

from __future__ import annotations

import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import trustme

from devtools.processes import free_port
from tests.support.processes import ROOT, Service

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")

NGINX_CONF = """
{user}
daemon off;
pid {folder}/pid;
error_log stderr crit;
error_log {folder}/error.log info;
events {{ worker_connections 512; }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""

SITE = (ROOT / "deploy" / "nginx.conf").read_text()
"""The configuration of a whole host."""

UNDER_A_PATH = re.sub(
    r"    location / \{\n        proxy_pass.*(?=\n\})",
    lambda _: (ROOT / "deploy" / "nginx-path.conf").read_text(),
    SITE,
    count=1,
    flags=re.DOTALL,
)
"""The same, with the locations of the host that proxies replaced by those under /todo."""


@dataclass
class Proxy:
    """A running nginx."""

    https: Service
    http_url: str
    ca_file: str
    tls: ssl.SSLContext
    folder: Path

    def log(self) -> str:
        """Return the access log and the error log."""
        return "".join((self.folder / name).read_text() for name in ("access.log", "error.log"))


@contextmanager
def proxying(upstreams: Sequence[int], folder: Path, site: str = SITE) -> Iterator[Proxy]:
    """Run nginx in front of the ports. Only names, ports and paths differ from the configuration of deploy/."""
    https_port, http_port = free_port(), free_port()
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / "all.pem"))
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    site = re.sub(r"/etc/ssl/\S+\.pem", f"{folder}/all.pem", site).replace("todo.example.com", "localhost")
    site = re.sub(
        r"( *server 127\.0\.0\.1:)8000(.*\n)",
        lambda line: "".join(f"{line[1]}{port}{line[2]}" for port in upstreams),
        site,
    )
    site = re.sub(r"listen \[::\].*", "", site)
    site = re.sub(r"listen 443\b", f"listen 127.0.0.1:{https_port}", site)
    site = re.sub(r"listen 80\b", f"listen 127.0.0.1:{http_port}", site)
    (folder / "site.conf").write_text(site)
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(NGINX_CONF.format(folder=folder, user=user))
    assert NGINX
    process = subprocess.Popen([NGINX, "-c", str(folder / "nginx.conf"), "-p", str(folder)])
    try:
        wait_until_listening(process, https_port)
        ca_file = str(folder / "ca.pem")
        service = Service(f"https://localhost:{https_port}", process)
        tls = ssl.create_default_context(cafile=ca_file)
        yield Proxy(service, f"http://127.0.0.1:{http_port}", ca_file, tls, folder)
    finally:
        process.terminate()
        process.wait(timeout=30)


def wait_until_listening(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
            return
        time.sleep(0.05)
    pytest.fail(f"nothing listens on port {port}")
