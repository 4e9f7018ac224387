"""What may stand in a path."""

import re

from werkzeug.routing import BaseConverter

ID_MAX = 2**63 - 1
"""The largest id that a bigint holds."""

NO_ID = 0
"""An id that no row has: identity columns begin with 1."""


ID = re.compile("[1-9][0-9]{0,18}")

RESERVED = ("batch", "changes")
"""Names of routes that stand where an id can: not ids, so that their 405 is their own."""


class IdConverter(BaseConverter):
    """A row's id in its one spelling: 7, and not 07, +7 or 7.0.

    Whatever else stands there is an id of nothing, so that the answer is that of the route and comes after its guard.
    """

    regex = rf"(?!(?:{'|'.join(RESERVED)})\Z)[^/]+"
    part_isolating = True

    def to_python(self, value: str) -> int:
        """Return the id, or the one that no row has."""
        number = int(value) if ID.fullmatch(value) else NO_ID
        return number if number <= ID_MAX else NO_ID
