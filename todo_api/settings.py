"""The configuration of the current application."""

from flask import Flask, current_app

from config import Config

EXTENSION_KEY = "todo_api.config"


def init_app(app: Flask, config: Config) -> None:
    """Store the configuration in the application."""
    app.extensions[EXTENSION_KEY] = config


def settings() -> Config:
    """Return the current application's configuration."""
    config: Config = current_app.extensions[EXTENSION_KEY]
    return config
