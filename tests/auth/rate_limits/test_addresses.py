"""Which client address a request counts for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.actors import PASSWORD, Actor
from tests.support.databases import application
from tests.support.sign_in_attempts import FEW, try_sign_in

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def proxied(fresh_database: str) -> Callable[..., list[int]]:
    """Return a function that signs in from pairs of connection and forwarded address, three of which are allowed."""

    def sign_in_from(proxies: int, *origins: tuple[str, str]) -> list[int]:
        ada = Actor.sign_up(application(fresh_database), "Ada")
        app = application(fresh_database, rate_limit_sign_in=FEW, rate_limit_address_scale=1, trusted_proxies=proxies)
        ada.client = app.test_client(use_cookies=False)
        return [
            try_sign_in(
                ada, PASSWORD, headers={"X-Forwarded-For": forwarded}, environ_base={"REMOTE_ADDR": address}
            ).status_code
            for address, forwarded in origins
        ]

    return sign_in_from


@pytest.mark.shows("ASVS 4.1.3")
@pytest.mark.parametrize(
    ("proxies", "origins", "last"),
    [
        (0, [("192.0.2.1", f"198.51.100.{number}") for number in range(4)], 429),
        (0, [(f"192.0.2.{number}", "198.51.100.1") for number in range(4)], 200),
        (1, [("192.0.2.1", f"198.51.100.{number}, 203.0.113.9") for number in range(4)], 429),
        (1, [("192.0.2.1", f"203.0.113.9, 198.51.100.{number}") for number in range(4)], 200),
        (2, [("192.0.2.1", f"6.6.6.{number}, 203.0.113.9, 198.51.100.1") for number in range(4)], 429),
        (2, [("192.0.2.1", f"203.0.113.{number}, 198.51.100.1") for number in range(4)], 200),
        (0, [(f"2001:db8:1:2:{number}::1", "") for number in range(4)], 429),
        (0, [(f"2001:db8:1:{number}::1", "") for number in range(4)], 200),
        (0, [(f"::ffff:192.0.2.{number}", "") for number in range(4)], 200),
        (0, [("::ffff:192.0.2.1", ""), ("192.0.2.1", "")] * 2, 429),
        (0, [("", f"198.51.100.{number}") for number in range(4)], 429),
        (1, [("192.0.2.1", "not an address")] * 4, 429),
    ],
)
def test_the_address_is_the_connections_or_the_last_trusted_proxys(
    proxied: Callable[..., list[int]], proxies: int, origins: list[tuple[str, str]], last: int
) -> None:
    assert proxied(proxies, *origins) == [200] * 3 + [last]
