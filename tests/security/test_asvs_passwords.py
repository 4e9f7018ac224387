"""Passwords: what may be one, and that nothing but the very same one opens (ASVS V6.2, NIST SP 800-63B-4, bcrypt)."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any

import bcrypt
import pytest

from tests.security.attacked import AUTH, PASSWORD
from tests.support.callers import at_once, statuses
from tests.support.databases import execute

if TYPE_CHECKING:
    from tests.security.attacked import Attacked, Person

NEW = "a finer staple of donkeys"


def new_email() -> str:
    return f"new-{uuid.uuid4().hex[:12]}@example.com"


def varied(first: int, length: int) -> str:
    """Return so many different characters from a code point on."""
    return "".join(chr(first + number * 7 % 23 + number // 23) for number in range(length))


@pytest.mark.shows("ASVS 6.2.1", "NIST length", "Better Auth lengths")
@pytest.mark.parametrize("password", ["", "a", "kq7#vX9", "жЩфЫяЮб", "😀🐙🚀🧊🥝🪵🎻", "e\u0301" * 3 + "x"])
def test_6_2_1_a_password_of_less_than_8_characters_is_refused(attacked: Attacked, password: str) -> None:
    assert attacked.sign_up(new_email(), password).status_code == 400


@pytest.mark.shows("ASVS 6.2.1", "NIST length")
@pytest.mark.parametrize("password", ["kq7#vX9z", "жЩфЫяЮбЦ", "😀🐙🚀🧊🥝🪵🎻🦉"])
def test_6_2_1_a_password_of_8_characters_is_taken(attacked: Attacked, password: str) -> None:
    assert attacked.person(password).opens()


@pytest.mark.shows("ASVS 6.2.2")
def test_6_2_2_a_password_can_be_changed(attacked: Attacked, victim: Person) -> None:
    body = {"currentPassword": PASSWORD, "newPassword": NEW}
    assert victim.auth("POST", "change-password", json=body).status_code == 200
    assert attacked.sign_in(victim.email, PASSWORD).status_code == 401
    assert attacked.sign_in(victim.email, NEW).status_code == 200


@pytest.mark.shows("ASVS 6.2.3")
@pytest.mark.parametrize("current", [..., None, "", NEW, PASSWORD.upper(), PASSWORD + " ", [PASSWORD], True])
def test_6_2_3_a_change_without_the_current_password_is_refused(
    attacked: Attacked, victim: Person, current: Any
) -> None:
    """Also by whoever has got hold of a session."""
    body = {"newPassword": NEW} | ({} if current is ... else {"currentPassword": current})
    assert victim.auth("POST", "change-password", json=body).status_code in {400, 422}
    assert attacked.sign_in(victim.email, PASSWORD).status_code == 200


@pytest.mark.shows("ASVS 6.2.4", "ASVS 6.2.12", "NIST blocklist")
@pytest.mark.parametrize("password", ["password123", "12345678", "qwertyuiop", "iloveyou", "Password1", "11111111"])
def test_6_2_4_a_password_that_is_tried_first_is_refused_wherever_one_is_set(
    attacked: Attacked, victim: Person, password: str
) -> None:
    assert attacked.sign_up(new_email(), password).json()["code"] == "PASSWORD_COMPROMISED"
    body = {"currentPassword": PASSWORD, "newPassword": password}
    assert victim.auth("POST", "change-password", json=body).json()["code"] == "PASSWORD_COMPROMISED"
    reset = attacked.ask("POST", f"{AUTH}/reset-password", json={"token": "x", "newPassword": password})
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
def test_6_2_5_a_password_may_be_made_of_anything(attacked: Attacked, password: str) -> None:
    assert attacked.person(password).opens()


LONG = varied(0x61, 72)
PAIRS = {
    "in its case": ("Correct Horse Nine", "correct horse nine"),
    "with the blank before it": (" leading horse nine", "leading horse nine"),
    "with the blank behind it": ("trailing horse nine ", "trailing horse nine"),
    "not without the blank": ("trailing horse nine", "trailing horse nine "),
    "with its tab": ("tabbed\thorse nine", "tabbed horse nine"),
    "with its line break": ("broken\r\nhorse nine", "broken\nhorse nine"),
    "beyond 72 bytes": (LONG + "x", LONG + "y"),
    "longer than 72 bytes": (LONG + "x", LONG),
    "no longer than 72 bytes": (LONG, LONG + "x"),
    "beyond 72 bytes of another script": (varied(0x431, 40) + "x", varied(0x431, 40) + "y"),
    "at its 128th character": (varied(0x61, 127) + "x", varied(0x61, 127) + "y"),
    "not with a NUL behind it": ("nullified horse nine", "nullified horse nine\0"),
    "not with a NUL and more": ("nullified horse nine", "nullified horse nine\0more"),
    "not as it is in a URL": ("percent%41horse nine", "percentAhorse nine"),
    "not with a plus for a blank": ("plus+horse+nine", "plus horse nine"),
    "not as it is in JSON": ("escaped\\u0041horse", "escapedAhorse"),
    "not as it is in HTML": ("ampersand&amp;horse", "ampersand&horse"),
    "not by compatible characters": ("ﬁne ① horse ｆ", "fine 1 horse f"),
    "not by what folds alike": ("straße horse nine", "strasse horse nine"),
    "with its accents": ("café horse nine", "cafe horse nine"),
    "not by what looks alike": ("раураl horse nine", "paypal horse nine"),
    "with what is invisible": ("in\u200dvisible\u00ad horse", "invisible horse"),
    "with the colour of its thumb": ("thumb 👍🏽 horse nine", "thumb 👍 horse nine"),
    "by the Turkish i": ("ıstanbul horse nine", "istanbul horse nine"),
    "not in reverse order": ("horse nine forty", "ytrof enin esroh"),
}


@pytest.mark.shows("ASVS 6.2.8", "NIST whole", "bcrypt 72 bytes", "bcrypt NUL")
@pytest.mark.parametrize("pair", PAIRS)
def test_6_2_8_passwords_are_verified_exactly_as_received(attacked: Attacked, pair: str) -> None:
    stored, tried = PAIRS[pair]
    person = attacked.person(stored)
    assert attacked.sign_in(person.email, tried).status_code in {400, 401}
    form = {"email": person.email, "password": tried}
    assert attacked.ask("POST", f"{AUTH}/sign-in/email", data=form).status_code in {401, 422}
    assert attacked.sign_in(person.email, stored).status_code == 200


@pytest.mark.shows("NIST normalised")
@pytest.mark.parametrize(
    ("composed", "decomposed"),
    [("café horse nine", "cafe\u0301 horse nine"), ("Ångström horse", "A\u030angstro\u0308m horse")],
)
def test_6_2_8_only_the_two_forms_of_one_character_are_alike(
    attacked: Attacked, composed: str, decomposed: str
) -> None:
    person = attacked.person(composed)
    assert attacked.sign_in(person.email, decomposed).status_code == 200


@pytest.mark.shows("ASVS 6.2.9", "NIST length", "Better Auth lengths")
@pytest.mark.parametrize("length", [64, 128])
@pytest.mark.parametrize("script", [0x61, 0x431, 0x4E2D, 0x1F600], ids=["Latin", "Cyrillic", "Han", "emoji"])
def test_6_2_9_64_and_up_to_128_characters_of_any_script_are_taken(
    attacked: Attacked, script: int, length: int
) -> None:
    assert attacked.person(varied(script, length)).opens()


@pytest.mark.shows("ASVS 6.2.9", "Better Auth lengths")
@pytest.mark.parametrize("script", [0x61, 0x1F600], ids=["Latin", "emoji"])
def test_6_2_9_more_than_128_characters_are_refused(attacked: Attacked, script: int) -> None:
    assert attacked.sign_up(new_email(), varied(script, 129)).status_code == 400


@pytest.mark.shows("bcrypt any size", "API4:2023")
@pytest.mark.parametrize("size", [0, 71, 72, 73, 128, 129, 4096, 4097, 65_536, 500_000, 1_000_000])
def test_a_password_of_any_size_gets_a_clear_answer(attacked: Attacked, victim: Person, size: int) -> None:
    password = "aB3$" * (size // 4) + "x" * (size % 4)
    assert attacked.sign_in(victim.email, password).status_code == (400 if size > 128 else 401)
    assert attacked.sign_up(new_email(), password).status_code in ({400} if size > 128 or size < 8 else {200, 400})
    body = {"currentPassword": password, "newPassword": NEW}
    assert victim.auth("POST", "change-password", json=body).status_code == 400


@pytest.mark.shows("ASVS 6.3.8")
@pytest.mark.parametrize("encoding", ["json", "data"])
def test_6_3_8_a_sign_in_says_the_same_of_a_wrong_password_and_of_an_unknown_email(
    attacked: Attacked, victim: Person, encoding: str
) -> None:
    def answer(email: str) -> tuple[int, bytes, set[str]]:
        options: dict[str, Any] = {encoding: {"email": email, "password": "wrong horse nine"}}
        said = attacked.ask("POST", f"{AUTH}/sign-in/email", **options)
        return said.status_code, said.content, set(said.headers)

    assert answer(victim.email) == answer(new_email())


@pytest.mark.shows("ASVS 6.3.8")
def test_6_3_8_a_reset_says_the_same_of_a_known_and_of_an_unknown_email(attacked: Attacked, victim: Person) -> None:
    def answer(email: str) -> tuple[int, bytes, set[str]]:
        said = attacked.ask("POST", f"{AUTH}/request-password-reset", json={"email": email})
        return said.status_code, said.content, set(said.headers)

    assert answer(victim.email) == answer(new_email())


@pytest.mark.shows("NIST hashed")
def test_a_password_is_stored_as_a_salted_slow_hash(attacked: Attacked) -> None:
    one, other = attacked.person(), attacked.person()
    (hashes,) = zip(
        *execute(attacked.database, "SELECT password_hash FROM users WHERE id IN (%s, %s)", one.id, other.id),
        strict=True,
    )
    assert len(set(hashes)) == 2
    assert all(re.fullmatch(r"hmac-sha256\$\$2b\$\d\d\$[./\w]{53}", str(stored)) for stored in hashes)


SEEDS = "a password of the seed's, which has 72 bytes of 72 that bcrypt looks at.."


@pytest.mark.shows("bcrypt the seed's", "bcrypt 72 bytes")
def test_a_bare_hash_opens_to_its_own_password_only_and_is_renewed(attacked: Attacked, victim: Person) -> None:
    whole = SEEDS[:72]
    bare = bcrypt.hashpw(whole.encode(), bcrypt.gensalt(4)).decode()
    execute(attacked.database, "UPDATE users SET password_hash = %s WHERE id = %s", bare, victim.id)
    for tried in (whole + "x", whole[:71], whole.upper()):
        assert attacked.sign_in(victim.email, tried).status_code == 401
    assert attacked.sign_in(victim.email, whole).status_code == 200
    ((stored,),) = execute(attacked.database, "SELECT password_hash FROM users WHERE id = %s", victim.id)
    assert str(stored).startswith("hmac-sha256$")
    assert attacked.sign_in(victim.email, whole).status_code == 200


@pytest.mark.shows("API4:2023")
def test_a_flood_of_sign_ins_gets_clear_answers_and_tasks_are_served_on(attacked: Attacked, victim: Person) -> None:
    def call(number: int) -> Any:
        return victim.ask("GET", "/tasks") if number % 4 == 0 else attacked.sign_in(new_email(), PASSWORD)

    answers = at_once(80, call)
    assert statuses(answers[::4]) == {200: 20}
    assert set(statuses(answers)) <= {200, 401, 429}
