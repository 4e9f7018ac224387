"""Parsers of settings: each takes the text of a setting and returns its value, or raises ValueError."""
