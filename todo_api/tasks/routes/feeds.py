"""The routes of calendar feeds. A feed is read without an account: the token in its path is the credential."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Response

from todo_api.auth.guard import Owner, owner_required
from todo_api.http.blueprint import no_query_parameters
from todo_api.http.conditional_requests import (
    ENTITY_TAGS_PATTERN,
    if_none_match,
    matches_if_none_match,
    not_modified_headers,
    validator_headers,
)
from todo_api.http.documentation import accepts_header, document, documentation_of, raises
from todo_api.http.errors import InvalidEntityTag, NotFound, ServiceUnavailable, TooManyRequests
from todo_api.http.headers import no_cors
from todo_api.http.responses import empty_response
from todo_api.tasks.blueprint import calendar_feeds, tasks
from todo_api.tasks.errors import FeedLimitReached, FeedNotFound
from todo_api.tasks.examples import ETAG, FEED, FEED_ICS, NEW_FEED
from todo_api.tasks.feeds import calendar, queries
from todo_api.tasks.feeds.reading import read
from todo_api.tasks.feeds.schemas import FeedPostSchema, FeedSchema, NewFeedSchema
from todo_api.tasks.feeds.tokens import parse_token
from todo_api.tasks.icalendar import MEDIA_TYPE
from todo_api.tasks.sync.idempotency import idempotent_with_secret

if TYPE_CHECKING:
    from collections.abc import Sequence

    from todo_api.database.statements import Row
    from todo_api.http.documentation import View

NOT_INDEXED = {"X-Robots-Tag": "noindex"}
"""For a search engine that has found the URL where somebody published it."""


@tasks.post("/feeds", tags=["feeds"])
@owner_required("feeds:manage")
@no_query_parameters
@idempotent_with_secret
@tasks.body(FeedPostSchema, example={"name": "Home", "filter": {"tag": ["home"]}, "as": "events"})
@tasks.response(201, NewFeedSchema(), example=NEW_FEED)
@raises(FeedLimitReached, TooManyRequests)
def create_feed(fields: dict[str, Any], owner: Owner) -> Row:
    """Create a calendar feed.

    Returns the `url` that a calendar program subscribes to. The URL gives access to the tasks of the feed, so no
    response shows it again. Without a filter the feed has your open tasks. A user has at most ten feeds.
    """
    return queries.create(owner, fields)


@tasks.get("/feeds", tags=["feeds"])
@owner_required("feeds:manage")
@no_query_parameters
@tasks.response(200, FeedSchema(many=True), example=[FEED])
def list_feeds(owner: Owner) -> Sequence[Row]:
    """List calendar feeds.

    Returns your feeds, oldest first, without their URLs.
    """
    return queries.list_all(owner)


@tasks.delete("/feeds/<id:feed_id>", tags=["feeds"])
@owner_required("feeds:manage")
@no_query_parameters
@tasks.response(204)
@raises(FeedNotFound, TooManyRequests)
def delete_feed(owner: Owner, feed_id: int) -> None:
    """Delete a calendar feed.

    Its URL is not found from then on.
    """
    queries.delete_one(owner, feed_id)


def returns_calendar(view: View) -> View:
    """Document the calendar that a feed returns."""
    content = {MEDIA_TYPE: {"schema": {"type": "string"}, "example": FEED_ICS}}
    documented = document(view, responses={200: {"description": "OK", "headers": ETAG, "content": content}})
    documentation_of(documented)["conditional"] = True
    return documented


@calendar_feeds.get("/<feed_token>.ics", tags=["feeds"])
@no_cors
@returns_calendar
@accepts_header(
    "If-None-Match",
    "The ETag of your copy. If it is current, the response is 304 without a body.",
    pattern=ENTITY_TAGS_PATTERN,
)
@raises(InvalidEntityTag, NotFound, TooManyRequests, ServiceUnavailable)
def read_feed(feed_token: str) -> Response:
    """Read a calendar feed.

    Returns the tasks of the feed that are due in the last 30 or the next 400 days, at most 1,000, as iCalendar (RFC
    5545). A description is cut at 1,000 characters. The token in the path is the only credential. A path that is wrong
    in any way is not found. Parameters are ignored: some calendar programs add their own.
    """
    rows = read(parse_token(feed_token), [tag.opaque for tag in if_none_match()])
    headers = {**validator_headers(rows[0]["entity_tag"]), **NOT_INDEXED}
    if matches_if_none_match(headers["ETag"]):
        return empty_response(304, not_modified_headers(headers))
    return Response(calendar.write(rows), 200, headers, mimetype=MEDIA_TYPE)
