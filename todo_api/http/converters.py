"""The converter of ids in paths."""

import re

from werkzeug.routing import BaseConverter

ID_MAX = 2**63 - 1
"""The largest bigint."""

NO_ID = 0
"""An id that no row has: identity columns start at 1."""

ID_PATTERN = re.compile("[1-9][0-9]{0,18}")

RESERVED = ("batch", "changes")
"""Path segments of other routes in the place of an id. They are not ids, so that a wrong method on them is 405."""


class IdConverter(BaseConverter):
    """An id in decimal digits, as 7, and not 07, +7 or 7.0.

    Any other text becomes NO_ID, so that the request still passes the route's guard before its 404.
    """

    regex = rf"(?!(?:{'|'.join(RESERVED)})\Z)[^/]+"
    part_isolating = True

    def to_python(self, value: str) -> int:
        """Return the id, or NO_ID."""
        number = int(value) if ID_PATTERN.fullmatch(value) else NO_ID
        return number if number <= ID_MAX else NO_ID
