"""The requirements on new passwords."""

from todo_api.auth.errors import PasswordTooCommon, PasswordTooLong, PasswordTooShort
from todo_api.auth.passwords.hashing import LENGTH_MAX, LENGTH_MIN, is_common
from todo_api.settings import settings


def check_length(password: str, pointer: str = "#/password") -> None:
    """Check that a password is not longer than any password can be.

    Raises:
        PasswordTooLong: 400 to JSON, 422 to a form.

    """
    if len(password) > LENGTH_MAX:
        raise PasswordTooLong([(pointer, f"Password too long: at most {LENGTH_MAX} characters.")])


def check_new_password(password: str, pointer: str = "#/password") -> None:
    """Check a new password: its length, and that it is not common.

    Raises:
        PasswordTooShort, PasswordTooLong, PasswordTooCommon: 400 to JSON, 422 to a form.

    """
    if len(password) < LENGTH_MIN:
        raise PasswordTooShort([(pointer, f"Password too short: at least {LENGTH_MIN} characters.")])
    check_length(password, pointer)
    if settings().refuses_common_passwords and is_common(password):
        raise PasswordTooCommon([(pointer, "This password is one of the first that are tried; choose another.")])
