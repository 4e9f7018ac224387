"""API keys at a service of several workers: revoked at once, and limited exactly."""

from __future__ import annotations

import pytest
import requests

from tests.support.api_keys import API_KEY
from tests.support.credentials import sign_up_at
from tests.support.processes import running_service
from tests.support.service_client import count_statuses, in_parallel


@pytest.mark.shows("API keys revoked", "ASVS 8.3.2")
@pytest.mark.parametrize("route", ["delete", "update"])
def test_a_revoked_key_is_refused_at_once_on_every_worker(fresh_database: str, route: str) -> None:
    with running_service(fresh_database) as service:
        session = sign_up_at(service.url, "ada@example.com")
        for _ in range(5):
            created = requests.post(f"{service.url}{API_KEY}/create", json={}, headers=session.jwt, timeout=10).json()
            url, headers = f"{service.url}/api/me/tasks", {"X-API-Key": created["key"]}

            def get(_: int, url: str = url, headers: dict[str, str] = headers) -> requests.Response:
                return requests.get(url, headers=headers, timeout=10)

            assert count_statuses(in_parallel(8, get)) == {200: 8}
            body = {"keyId": created["id"], "enabled": False}
            assert requests.post(f"{service.url}{API_KEY}/{route}", json=body, headers=session.jwt, timeout=10).ok
            assert count_statuses(in_parallel(16, get)) == {401: 16}


@pytest.mark.shows("API keys limit", "ASVS 15.4.2")
def test_of_80_concurrent_requests_50_create_a_key(fresh_database: str) -> None:
    with running_service(fresh_database, RATE_LIMIT_USER_SCALE="1000") as service:
        session = sign_up_at(service.url, "ada@example.com")

        def create(_: int) -> requests.Response:
            return requests.post(f"{service.url}{API_KEY}/create", json={}, headers=session.jwt, timeout=30)

        responses = in_parallel(80, create)
    assert count_statuses(responses) == {200: 50, 403: 30}
    assert {response.json()["code"] for response in responses if not response.ok} == {"API_KEY_LIMIT_REACHED"}
