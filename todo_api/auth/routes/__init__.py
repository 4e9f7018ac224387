"""The views under /api/auth."""
