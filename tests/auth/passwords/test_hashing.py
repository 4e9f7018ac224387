"""Every character of a password counts, whatever bcrypt reads."""

import bcrypt
import pytest

from todo_api.auth.passwords.hashing import dummy_hash, hash_password, verify_password

COST = 4


@pytest.mark.parametrize(
    ("password", "other"),
    [
        ("a" * 72, "a" * 73),
        ("a" * 127 + "b", "a" * 127 + "c"),
        ("password\0one", "password\0two"),
        ("Password", "password"),
        ("password ", "password"),
        ("пароль" * 20, "пароль" * 19),
    ],
)
def test_passwords_are_not_interchangeable(password: str, other: str) -> None:
    stored = hash_password(password, COST)
    assert verify_password(password, stored)
    assert not verify_password(other, stored)


def test_one_password_in_two_normal_forms_is_one_password() -> None:
    assert verify_password("Stra\u00dfe f\u00fcr acht", hash_password("Stra\u00dfe fu\u0308r acht", COST))


def test_hashes_are_salted_and_of_the_cost_asked_for() -> None:
    first, second = hash_password("password123", COST), hash_password("password123", COST)
    assert first != second
    assert first.startswith(f"hmac-sha256$$2b$0{COST}$")


def test_the_hash_of_nobody_takes_the_same_work_and_opens_to_nothing() -> None:
    assert dummy_hash(COST).startswith(f"hmac-sha256$$2b$0{COST}$")
    assert len(dummy_hash(COST)) == len(hash_password("password123", COST))
    assert not any(verify_password(password, dummy_hash(COST)) for password in ("", "password123", "." * 53))


def test_the_seeds_bare_bcrypt_hashes_verify() -> None:
    stored = bcrypt.hashpw(b"password123", bcrypt.gensalt(COST)).decode()
    assert verify_password("password123", stored)
    assert not verify_password("password124", stored)


def test_a_bare_hash_opens_to_nothing_longer_than_it_knows() -> None:
    stored = bcrypt.hashpw(b"a" * 72, bcrypt.gensalt(COST)).decode()
    assert verify_password("a" * 72, stored)
    assert not verify_password("a" * 73, stored)
