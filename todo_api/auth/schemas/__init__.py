"""The schemas of the auth routes' bodies. Better Auth's field names are camelCase."""
