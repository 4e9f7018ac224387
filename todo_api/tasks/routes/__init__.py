"""The views under /api/{user_id}."""
