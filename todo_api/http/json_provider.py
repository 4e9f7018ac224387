"""JSON texts: read strictly, written by orjson."""

from __future__ import annotations

import json
from typing import Any

import orjson
from flask.json.provider import JSONProvider

from todo_api.http.errors import MalformedJSON


def dumps(value: Any) -> bytes:
    """Return the value as JSON in UTF-8, with a newline at the end for terminals."""
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)


class StrictJSONProvider(JSONProvider):
    """The JSON provider of the application."""

    def dumps(self, obj: Any, **_: Any) -> str:
        """Return the value as JSON. Responses use the bytes of `dumps` above."""
        return dumps(obj).decode()

    def loads(self, s: str | bytes, **_: Any) -> Any:
        """Return the value of a JSON text (RFC 8259) in UTF-8.

        The reader is the standard library's: orjson refuses a lone surrogate without naming the field that has it.

        Raises:
            MalformedJSON: 400, also for NaN, a repeated name in an object, and nesting that is too deep.

        """
        try:
            text = s.decode() if isinstance(s, bytes) else s
            return json.loads(text, parse_constant=reject_constant, object_pairs_hook=unique_names)
        except RecursionError:
            raise MalformedJSON("The body is not valid JSON: it is nested too deeply.") from None
        except json.JSONDecodeError as error:
            position = f"at line {error.lineno}, column {error.colno}"
            raise MalformedJSON(f"The body is not valid JSON: {error.msg} {position}.") from None
        except UnicodeDecodeError as error:
            raise MalformedJSON(f"The body is not UTF-8 at byte {error.start}.") from None
        except ValueError:  # Python limits the digits of an integer
            raise MalformedJSON("A number of the body has too many digits.") from None


def reject_constant(name: str) -> None:
    """Raise MalformedJSON for NaN and the infinities, which Python accepts and JSON does not have."""
    raise MalformedJSON(f"The body is not valid JSON: {name} is no value.")


def unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object. A repeated name is an error: readers disagree on which of the values counts."""
    obj = dict(pairs)
    if len(obj) < len(pairs):
        raise MalformedJSON("An object of the body gives a name twice.")
    return obj
