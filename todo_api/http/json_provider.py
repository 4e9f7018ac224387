"""JSON as the service reads and writes it."""

from __future__ import annotations

import json
from typing import Any

from flask.json.provider import JSONProvider

from todo_api.http.errors import MalformedJSON
from todo_api.http.serialization import dumps


class StrictJSONProvider(JSONProvider):
    """JSON as the service reads and writes it: strict in, by orjson out."""

    def dumps(self, obj: Any, **_: Any) -> str:
        """Write a JSON text. Our answers have it in bytes, as it is sent."""
        return dumps(obj).decode()

    def loads(self, s: str | bytes, **_: Any) -> Any:
        """Read one JSON text (RFC 8259) in UTF-8, each name of an object given once.

        The standard library's reader, since it lets a lone surrogate through to the field that can name it.

        Raises:
            MalformedJSON: 400, for whatever is no such text, NaN and bottomless nesting included.

        """
        try:
            text = s.decode() if isinstance(s, bytes) else s
            return json.loads(text, parse_constant=reject_constant, object_pairs_hook=unique_names)
        except RecursionError:
            raise MalformedJSON("The body is not valid JSON: it is nested too deeply.") from None
        except json.JSONDecodeError as error:
            place = f"at line {error.lineno}, column {error.colno}"
            raise MalformedJSON(f"The body is not valid JSON: {error.msg} {place}.") from None
        except UnicodeDecodeError as error:
            raise MalformedJSON(f"The body is not UTF-8 at byte {error.start}.") from None
        except ValueError:  # Python bounds the digits of an integer
            raise MalformedJSON("A number of the body has too many digits.") from None


def reject_constant(name: str) -> None:
    """Refuse NaN and the infinities, which Python reads and JSON does not know."""
    raise MalformedJSON(f"The body is not valid JSON: {name} is no value.")


def unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object; a name given twice means different things to different readers."""
    members = dict(pairs)
    if len(members) < len(pairs):
        raise MalformedJSON("An object of the body gives a name twice.")
    return members
