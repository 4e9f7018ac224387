"""The text of an API key."""

from __future__ import annotations

import hashlib
import re
import uuid
import zlib

import pytest

from todo_api.auth.api_keys.encoding import DIGITS, checksum, encode, new_key, parse, start

USER = "5b0e6c0f-3f0a-4a3c-9d55-0c9e5e8f2f11"


@pytest.mark.parametrize("user_id", [USER, str(uuid.UUID(int=0)), str(uuid.UUID(int=2**128 - 1))])
def test_a_key_names_its_user_and_its_id(user_id: str) -> None:
    text, key = new_key(user_id)
    assert re.fullmatch("todo_[0-9A-Za-z]{82}", text)
    assert parse(text) == key
    assert key == (user_id, text[27:38], hashlib.sha256(text.encode()).digest())
    assert text.startswith(start(user_id, key.id))
    assert len(start(user_id, key.id)) == 38


@pytest.mark.shows("API keys found")
def test_a_scanner_finds_a_key_in_a_file() -> None:
    text, _ = new_key(USER)
    leaked = f'export API_KEY="{text}"  # todo_api todo_list_of_ada {text[:-1]}-\n'
    found = re.findall(r"\btodo_[0-9A-Za-z]{82}\b", leaked)
    assert found == [text]
    assert parse(found[0])


def test_keys_differ_in_id_and_secret() -> None:
    keys = [new_key(USER)[0] for _ in range(50)]
    assert len({key[27:38] for key in keys}) == len({key[38:81] for key in keys}) == 50


def test_the_checksum_is_the_crc_32_of_all_before_it() -> None:
    text, _ = new_key(USER)
    number = 0
    for digit in text[-6:]:
        number = number * 62 + DIGITS.index(digit)
    assert number == zlib.crc32(text[:-6].encode())


def test_a_mistyped_character_is_noticed() -> None:
    text, _ = new_key(USER)
    for position in range(len("todo_"), len(text)):
        other = "x" if text[position] != "x" else "y"
        assert parse(f"{text[:position]}{other}{text[position + 1 :]}") is None


def with_checksum(text: str) -> str:
    return f"{text}{checksum(text)}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "todo_",
        "todo_" + "0" * 82,
        with_checksum("todo_" + "z" * 76),  # no UUID: the number is too large
        with_checksum("Todo_" + "0" * 76),
        with_checksum("todo_" + "0" * 75),
        with_checksum("todo_" + "0" * 77),
        with_checksum("todo_" + "0" * 75 + "-"),
        with_checksum("todo_" + "0" * 75 + "٣"),
        with_checksum("todo_" + "0" * 76) + "\n",
    ],
)
def test_a_malformed_key_is_rejected(text: str) -> None:
    assert parse(text) is None


def test_a_well_formed_key_of_nobody_is_parsed() -> None:
    parsed = parse(with_checksum("todo_" + "0" * 76))
    assert parsed
    assert parsed.user_id == str(uuid.UUID(int=0))


def test_numbers_are_encoded_with_leading_zeros() -> None:
    assert [encode(0, 3), encode(61, 3), encode(62, 3)] == ["000", "00z", "010"]
