"""Synchronisation: changes, batches and idempotent requests."""
