"""The Flask extensions, unbound: `create_app` binds them, so that no module needs the application to import them."""

from datetime import datetime
from typing import ClassVar

from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import MetaData, Text
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, registry


class Base(DeclarativeBase):
    """The base of every table class.

    Constraints have names that follow from what they constrain, so that migrations can speak of them. Times are
    aware and kept in milliseconds, as clients see them, so that sorting agrees with what is shown.
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
migrate = Migrate()
