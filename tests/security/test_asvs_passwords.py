"""Passwords: policy, exact verification and storage (ASVS V6.2, NIST SP 800-63B-4, bcrypt)."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any

import bcrypt
import pytest

from tests.security.target import AUTH, PASSWORD
from tests.support.databases import execute
from tests.support.service_client import count_statuses, in_parallel

if TYPE_CHECKING:
    from tests.security.target import Target, User

NEW = "a finer staple of donkeys"


def new_email() -> str:
    return f"new-{uuid.uuid4().hex[:12]}@example.com"


def varied_text(first: int, length: int) -> str:
    """Return a text of this length with various characters from a code point on."""
    return "".join(chr(first + number * 7 % 23 + number // 23) for number in range(length))


@pytest.mark.shows("ASVS 6.2.1", "NIST length", "Better Auth lengths")
@pytest.mark.parametrize("password", ["", "a", "kq7#vX9", "жЩфЫяЮб", "😀🐙🚀🧊🥝🪵🎻", "e\u0301" * 3 + "x"])
def test_6_2_1_a_password_of_less_than_8_characters_is_rejected(target: Target, password: str) -> None:
    assert target.sign_up(new_email(), password).status_code == 400


@pytest.mark.shows("ASVS 6.2.1", "NIST length")
@pytest.mark.parametrize("password", ["kq7#vX9z", "жЩфЫяЮбЦ", "😀🐙🚀🧊🥝🪵🎻🦉"])
def test_6_2_1_a_password_of_8_characters_is_accepted(target: Target, password: str) -> None:
    assert target.create_user(password).accepted_credentials()


@pytest.mark.shows("ASVS 6.2.2")
def test_6_2_2_a_password_can_be_changed(target: Target, victim: User) -> None:
    body = {"currentPassword": PASSWORD, "newPassword": NEW}
    assert victim.request_auth("POST", "change-password", json=body).status_code == 200
    assert target.sign_in(victim.email, PASSWORD).status_code == 401
    assert target.sign_in(victim.email, NEW).status_code == 200


@pytest.mark.shows("ASVS 6.2.3")
@pytest.mark.parametrize("current", [..., None, "", NEW, PASSWORD.upper(), PASSWORD + " ", [PASSWORD], True])
def test_6_2_3_a_change_without_the_current_password_is_rejected(target: Target, victim: User, current: Any) -> None:
    body = {"newPassword": NEW} | ({} if current is ... else {"currentPassword": current})
    assert victim.request_auth("POST", "change-password", json=body).status_code in {400, 422}
    assert target.sign_in(victim.email, PASSWORD).status_code == 200


@pytest.mark.shows("ASVS 6.2.4", "ASVS 6.2.12", "NIST blocklist")
@pytest.mark.parametrize("password", ["password123", "12345678", "qwertyuiop", "iloveyou", "Password1", "11111111"])
def test_6_2_4_a_common_password_is_rejected_wherever_one_is_set(target: Target, victim: User, password: str) -> None:
    assert target.sign_up(new_email(), password).json()["code"] == "PASSWORD_COMPROMISED"
    body = {"currentPassword": PASSWORD, "newPassword": password}
    assert victim.request_auth("POST", "change-password", json=body).json()["code"] == "PASSWORD_COMPROMISED"
    reset = target.request("POST", f"{AUTH}/reset-password", json={"token": "x", "newPassword": password})
    assert reset.json()["code"] == "PASSWORD_COMPROMISED"


@pytest.mark.shows("ASVS 6.2.5", "NIST composition")
@pytest.mark.parametrize(
    "password",
    [
        "onlysmallletters horse",
        "ONLY CAPITALS HORSE",
        "8301947265501",
        "!§$%&/()=?`*'_:;",
        "        x       ",
        "\t\r\n\v\f !!",
    ],
)
def test_6_2_5_a_password_may_consist_of_any_characters(target: Target, password: str) -> None:
    assert target.create_user(password).accepted_credentials()


LONG = varied_text(0x61, 72)
DIFFERENT_PASSWORDS = {
    "case": ("Correct Horse Nine", "correct horse nine"),
    "a leading space": (" leading horse nine", "leading horse nine"),
    "a trailing space": ("trailing horse nine ", "trailing horse nine"),
    "an added trailing space": ("trailing horse nine", "trailing horse nine "),
    "a tab": ("tabbed\thorse nine", "tabbed horse nine"),
    "a line break": ("broken\r\nhorse nine", "broken\nhorse nine"),
    "the 73rd byte": (LONG + "x", LONG + "y"),
    "without the 73rd byte": (LONG + "x", LONG),
    "with a 73rd byte": (LONG, LONG + "x"),
    "bytes over 72 in another script": (varied_text(0x431, 40) + "x", varied_text(0x431, 40) + "y"),
    "the 128th character": (varied_text(0x61, 127) + "x", varied_text(0x61, 127) + "y"),
    "an added NUL": ("nullified horse nine", "nullified horse nine\0"),
    "an added NUL and text": ("nullified horse nine", "nullified horse nine\0more"),
    "percent encoding": ("percent%41horse nine", "percentAhorse nine"),
    "plus signs for spaces": ("plus+horse+nine", "plus horse nine"),
    "a JSON escape": ("escaped\\u0041horse", "escapedAhorse"),
    "an HTML entity": ("ampersand&amp;horse", "ampersand&horse"),
    "compatibility characters": ("ﬁne ① horse ｆ", "fine 1 horse f"),
    "case folding": ("straße horse nine", "strasse horse nine"),
    "accents": ("café horse nine", "cafe horse nine"),
    "homoglyphs": ("раураl horse nine", "paypal horse nine"),
    "invisible characters": ("in\u200dvisible\u00ad horse", "invisible horse"),
    "a skin tone": ("thumb 👍🏽 horse nine", "thumb 👍 horse nine"),
    "the Turkish dotless i": ("ıstanbul horse nine", "istanbul horse nine"),
    "reverse order": ("horse nine forty", "ytrof enin esroh"),
}


@pytest.mark.shows("ASVS 6.2.8", "NIST whole", "bcrypt 72 bytes", "bcrypt NUL")
@pytest.mark.parametrize("name", DIFFERENT_PASSWORDS)
def test_6_2_8_passwords_are_verified_exactly_as_received(target: Target, name: str) -> None:
    password, other = DIFFERENT_PASSWORDS[name]
    user = target.create_user(password)
    assert target.sign_in(user.email, other).status_code in {400, 401}
    form = {"email": user.email, "password": other}
    assert target.request("POST", f"{AUTH}/sign-in/email", data=form).status_code in {401, 422}
    assert target.sign_in(user.email, password).status_code == 200


@pytest.mark.shows("NIST normalised")
@pytest.mark.parametrize(
    ("composed", "decomposed"),
    [("café horse nine", "cafe\u0301 horse nine"), ("Ångström horse", "A\u030angstro\u0308m horse")],
)
def test_6_2_8_composed_and_decomposed_characters_are_equal(target: Target, composed: str, decomposed: str) -> None:
    user = target.create_user(composed)
    assert target.sign_in(user.email, decomposed).status_code == 200


@pytest.mark.shows("ASVS 6.2.9", "NIST length", "Better Auth lengths")
@pytest.mark.parametrize("length", [64, 128])
@pytest.mark.parametrize("script", [0x61, 0x431, 0x4E2D, 0x1F600], ids=["Latin", "Cyrillic", "Han", "emoji"])
def test_6_2_9_64_and_up_to_128_characters_of_any_script_are_accepted(target: Target, script: int, length: int) -> None:
    assert target.create_user(varied_text(script, length)).accepted_credentials()


@pytest.mark.shows("ASVS 6.2.9", "Better Auth lengths")
@pytest.mark.parametrize("script", [0x61, 0x1F600], ids=["Latin", "emoji"])
def test_6_2_9_more_than_128_characters_are_rejected(target: Target, script: int) -> None:
    assert target.sign_up(new_email(), varied_text(script, 129)).status_code == 400


@pytest.mark.shows("bcrypt any size", "API4:2023")
@pytest.mark.parametrize("size", [0, 71, 72, 73, 128, 129, 4096, 4097, 65_536, 500_000, 1_000_000])
def test_a_password_of_any_size_gets_a_clear_response(target: Target, victim: User, size: int) -> None:
    password = "aB3$" * (size // 4) + "x" * (size % 4)
    assert target.sign_in(victim.email, password).status_code == (400 if size > 128 else 401)
    assert target.sign_up(new_email(), password).status_code in ({400} if size > 128 or size < 8 else {200, 400})
    body = {"currentPassword": password, "newPassword": NEW}
    assert victim.request_auth("POST", "change-password", json=body).status_code == 400


@pytest.mark.shows("ASVS 6.3.8")
@pytest.mark.parametrize("encoding", ["json", "data"])
def test_6_3_8_a_wrong_password_and_an_unknown_email_get_the_same_response(
    target: Target, victim: User, encoding: str
) -> None:
    def sign_in(email: str) -> tuple[int, bytes, set[str]]:
        options: dict[str, Any] = {encoding: {"email": email, "password": "wrong horse nine"}}
        response = target.request("POST", f"{AUTH}/sign-in/email", **options)
        return response.status_code, response.content, set(response.headers)

    assert sign_in(victim.email) == sign_in(new_email())


@pytest.mark.shows("ASVS 6.3.8")
def test_6_3_8_a_reset_for_a_known_and_an_unknown_email_gets_the_same_response(target: Target, victim: User) -> None:
    def request_reset(email: str) -> tuple[int, bytes, set[str]]:
        response = target.request("POST", f"{AUTH}/request-password-reset", json={"email": email})
        return response.status_code, response.content, set(response.headers)

    assert request_reset(victim.email) == request_reset(new_email())


@pytest.mark.shows("NIST hashed")
def test_a_password_is_stored_as_a_salted_slow_hash(target: Target) -> None:
    one, other = target.create_user(), target.create_user()
    (hashes,) = zip(
        *execute(target.database, "SELECT password_hash FROM users WHERE id IN (%s, %s)", one.id, other.id),
        strict=True,
    )
    assert len(set(hashes)) == 2
    assert all(re.fullmatch(r"hmac-sha256\$\$2b\$\d\d\$[./\w]{53}", str(stored)) for stored in hashes)


PASSWORD_OF_72_BYTES = "a password of exactly 72 bytes, which is all that bcrypt takes of one..."


@pytest.mark.shows("bcrypt bare hashes", "bcrypt 72 bytes")
def test_a_plain_bcrypt_hash_accepts_its_own_password_only_and_is_renewed(target: Target, victim: User) -> None:
    password = PASSWORD_OF_72_BYTES
    assert len(password) == 72
    plain_hash = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
    execute(target.database, "UPDATE users SET password_hash = %s WHERE id = %s", plain_hash, victim.id)
    for other in (password + "x", password[:71], password.upper()):
        assert target.sign_in(victim.email, other).status_code == 401
    assert target.sign_in(victim.email, password).status_code == 200
    ((stored,),) = execute(target.database, "SELECT password_hash FROM users WHERE id = %s", victim.id)
    assert str(stored).startswith("hmac-sha256$")
    assert target.sign_in(victim.email, password).status_code == 200


@pytest.mark.shows("API4:2023")
def test_a_flood_of_sign_ins_gets_clear_responses_and_tasks_are_served(target: Target, victim: User) -> None:
    def send(number: int) -> Any:
        return victim.request("GET", "/tasks") if number % 4 == 0 else target.sign_in(new_email(), PASSWORD)

    responses = in_parallel(80, send)
    assert count_statuses(responses[::4]) == {200: 20}
    assert set(count_statuses(responses)) <= {200, 401, 429}
