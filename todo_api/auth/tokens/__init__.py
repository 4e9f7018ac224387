"""JSON Web Tokens: of sessions, for other services, and from an external issuer."""
