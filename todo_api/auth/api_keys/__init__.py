"""API keys: credentials for scripts, with scopes, that open the user's resources and no auth route."""
