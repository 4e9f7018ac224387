"""Parsers of settings. Each takes a text and returns the value, or raises ValueError with the reason."""
