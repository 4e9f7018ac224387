"""How the settings of mails are read."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

CREDENTIAL = r"(?:[!$&'()*+,.0-9;=A-Z_a-z~-]|%(?!7[Ff])[2-7][0-9A-Fa-f])+"
"""What smtplib can log in with, as a URL writes it: printable ASCII."""

SMTP_URL = re.compile(
    rf"(?P<scheme>smtps?)://(?P<login>{CREDENTIAL}:{CREDENTIAL}@)?(?P<host>[0-9A-Za-z._-]+|\[[0-9A-Fa-f:.]+\])"
    r"(?::[0-9]+)?/?(?P<starttls>\?starttls=(?:required|off))?",
)
FILE_URL = re.compile(r"file:///(?:[^\0- %?#]|%(?!00)[0-9A-Fa-f]{2})*(?<!/)")
ADDRESS = r"[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*@[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
SENDER = re.compile(rf"""(?:"[^"\\]*" *|[^]["<>()@,.:;\\]*)<(?a:{ADDRESS})>|(?a:{ADDRESS})""")
LOOPBACK = re.compile(r"localhost|127(?:\.[0-9]{1,3}){3}|\[::1\]", re.IGNORECASE)


def mail_url(text: str) -> str:
    """Read where mails go, and add whether an SMTP connection is to be encrypted: yes, once it leaves the machine.

    `starttls=off` gives up the mails' secrecy, in a network of one's own; a password's it cannot give up. No fault
    repeats the text, since in a URL that is written wrongly the password may be anywhere.
    """
    if FILE_URL.fullmatch(text):
        return text
    found = SMTP_URL.fullmatch(text)
    try:
        valid = found and urlsplit(text).port != 0 and not (found["scheme"] == "smtps" and found["starttls"])
    except ValueError:
        valid = False
    if not found or not valid:
        example = "smtp://user:password@mail.example.com:587, smtps://… or file:///path/to/mails"
        message = f"must be a URL such as {example} (percent-encode special characters)"
        raise ValueError(message)
    here = LOOPBACK.fullmatch(found["host"]) is not None
    if found["login"] and found["starttls"] == "?starttls=off" and not here:
        message = "must not send a password unencrypted to another machine (leave starttls=off away)"
        raise ValueError(message)
    if found["scheme"] == "smtps" or found["starttls"]:
        return text
    return f"{text}?starttls={'off' if here else 'required'}"


def mail_from(text: str) -> str:
    """Read the one address that mails come from, with or without a name before it."""
    if not (text.isprintable() and SENDER.fullmatch(text)):
        message = f'must be one address in ASCII such as "Todo API" <no-reply@example.com>, not {text!r}'
        raise ValueError(message)
    return text
