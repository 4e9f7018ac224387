"""The configuration of the running application."""

from flask import Flask, current_app

from config import Config

KEY = "todo_api.config"


def init_app(app: Flask, config: Config) -> None:
    """Give the application its configuration."""
    app.extensions[KEY] = config


def settings() -> Config:
    """Return the current application's configuration."""
    config: Config = current_app.extensions[KEY]
    return config
