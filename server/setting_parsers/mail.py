"""Parsers of the settings for mail."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

CREDENTIAL = r"(?:[!$&'()*+,.0-9;=A-Z_a-z~-]|%(?!7[Ff])[2-7][0-9A-Fa-f])+"
"""A user name or password that smtplib can send, as a URL writes it: printable ASCII."""

SMTP_URL = re.compile(
    rf"(?P<scheme>smtps?)://(?P<login>{CREDENTIAL}:{CREDENTIAL}@)?(?P<host>[0-9A-Za-z._-]+|\[[0-9A-Fa-f:.]+\])"
    r"(?::[0-9]+)?/?(?P<starttls>\?starttls=(?:required|off))?",
)
FILE_URL = re.compile(r"file:///(?:[^\0- %?#]|%(?!00)[0-9A-Fa-f]{2})*(?<!/)")
ADDRESS = r"[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*@[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
SENDER = re.compile(rf"""(?:"[^"\\]*" *|[^]["<>()@,.:;\\]*)<(?a:{ADDRESS})>|(?a:{ADDRESS})""")
LOOPBACK = re.compile(r"localhost|127(?:\.[0-9]{1,3}){3}|\[::1\]", re.IGNORECASE)


def mail_url(text: str) -> str:
    """Parse the URL that mail is sent to. Add `starttls`, which is required for every host but this machine.

    `starttls=off` allows unencrypted mail in a private network, but never an unencrypted password. No message repeats
    the text, because a malformed URL may hold the password anywhere.
    """
    if FILE_URL.fullmatch(text):
        return text
    match = SMTP_URL.fullmatch(text)
    try:
        valid = match and urlsplit(text).port != 0 and not (match["scheme"] == "smtps" and match["starttls"])
    except ValueError:
        valid = False
    if not match or not valid:
        example = "smtp://user:password@mail.example.com:587, smtps://… or file:///path/to/mails"
        raise ValueError(f"must be a URL such as {example} (percent-encode special characters)")
    local = LOOPBACK.fullmatch(match["host"]) is not None
    if match["login"] and match["starttls"] == "?starttls=off" and not local:
        raise ValueError("must not send a password unencrypted to another machine (remove starttls=off)")
    if match["scheme"] == "smtps" or match["starttls"]:
        return text
    return f"{text}?starttls={'off' if local else 'required'}"


def mail_from(text: str) -> str:
    """Parse the one sender address, with or without a display name."""
    if not (text.isprintable() and SENDER.fullmatch(text)):
        raise ValueError(f'must be one address in ASCII such as "Todo API" <no-reply@example.com>, not {text!r}')
    return text
