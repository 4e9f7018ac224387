"""The Flask extensions. `create_app` binds them to the application."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import MetaData, Text
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, registry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Flask


class Base(DeclarativeBase):
    """The base of every table class.

    Constraints are named by convention, so that migrations can refer to them. Timestamps have a time zone and
    milliseconds, the precision of responses, so that the sort order agrees with the values that clients see.
    """

    registry: ClassVar[registry] = registry(
        metadata=MetaData(
            naming_convention={
                "ix": "ix_%(table_name)s_%(column_0_N_name)s",
                "uq": "uq_%(table_name)s_%(column_0_N_name)s",
                "ck": "ck_%(table_name)s_%(constraint_name)s",
                "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
                "pk": "pk_%(table_name)s",
            },
        ),
        type_annotation_map={str: Text, datetime: TIMESTAMP(timezone=True, precision=3)},
    )


db = SQLAlchemy(model_class=Base)


def init_app(app: Flask, engine_config: Mapping[str, Any]) -> None:
    """Bind the extensions to the application."""
    app.config.from_mapping(engine_config)
    db.init_app(app)
