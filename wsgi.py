"""The WSGI application, configured by the environment and .env: for `gunicorn` and `flask`."""

import os
from pathlib import Path

from dotenv import load_dotenv

from config import Config
from todo_api import create_app
from todo_api.operations.migrations import init_migrations

load_dotenv(Path(__file__).with_name(".env"))
app = create_app(Config.from_env(os.environ))
if "FLASK_RUN_FROM_CLI" in os.environ:  # set by `flask`
    init_migrations(app)
