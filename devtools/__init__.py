"""The commands of dev.py, for developing todo_api. The service imports nothing of it."""
