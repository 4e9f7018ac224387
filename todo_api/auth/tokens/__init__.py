"""JSON Web Tokens: of sessions, of identities for other services, and of an external issuer."""
