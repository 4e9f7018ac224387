"""The bodies of the auth routes. Better Auth's field names are camelCase."""
