"""The commands of dev.py. The service imports nothing of this package."""
