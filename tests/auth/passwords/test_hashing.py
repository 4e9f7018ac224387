"""Password hashes: every character counts, although bcrypt reads 72 bytes."""

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
def test_another_password_does_not_verify(password: str, other: str) -> None:
    stored = hash_password(password, COST)
    assert verify_password(password, stored)
    assert not verify_password(other, stored)


def test_composed_and_decomposed_characters_are_equal() -> None:
    assert verify_password("Stra\u00dfe f\u00fcr acht", hash_password("Stra\u00dfe fu\u0308r acht", COST))


def test_hashes_are_salted_and_have_the_cost() -> None:
    first, second = hash_password("password123", COST), hash_password("password123", COST)
    assert first != second
    assert first.startswith(f"hmac-sha256$$2b$0{COST}$")


def test_the_dummy_hash_takes_the_same_work_and_matches_no_password() -> None:
    assert dummy_hash(COST).startswith(f"hmac-sha256$$2b$0{COST}$")
    assert len(dummy_hash(COST)) == len(hash_password("password123", COST))
    assert not any(verify_password(password, dummy_hash(COST)) for password in ("", "password123", "." * 53))


def test_plain_bcrypt_hashes_of_the_seed_verify() -> None:
    stored = bcrypt.hashpw(b"password123", bcrypt.gensalt(COST)).decode()
    assert verify_password("password123", stored)
    assert not verify_password("password124", stored)


def test_a_plain_hash_matches_no_longer_password() -> None:
    stored = bcrypt.hashpw(b"a" * 72, bcrypt.gensalt(COST)).decode()
    assert verify_password("a" * 72, stored)
    assert not verify_password("a" * 73, stored)
