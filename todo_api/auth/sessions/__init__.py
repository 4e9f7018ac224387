"""Sessions and their credentials."""
