"""The parts of OWASP ASVS 5.0 that do not apply to this service, and why."""

ABSENT = {
    "V1.3 Sanitization": "The service renders nothing and builds no command from input: no HTML, templates or LDAP.",
    "V1.4 Memory": "Python manages memory; only number ranges are left of this section (1.4.2).",
    "V3.6 External resources": "The only page is `/docs`, and the service serves all of its files.",
    "V4.3 GraphQL, V4.4 WebSocket": "The service has neither.",
    "V5 Files": "No uploaded file is stored: an import is parsed as JSON and discarded, an export is generated.",
    "V6.4 Recovery by secret questions": "There are none. Recovery is a mailed link that works once.",
    "V6.5–V6.7 Several factors": "The only factor is the password. For more, run a Better Auth server in front;"
    " its tokens are accepted here.",
    "V7.1, V8.1 Documentation of sessions and authorization": "docs/architecture.md, docs/better-auth.md and the"
    " decisions.",
    "V7.6 Federated sessions": "The service starts no sign-in elsewhere. An issuer's token is verified alone.",
    "V8.4 Tenants and administration over HTTP": "Each user is isolated. Administration is `flask users …`"
    " on the machine.",
    "V10 OAuth and OIDC": "The service is no authorization server, client or provider. Of this chapter only the rules"
    " for refresh tokens apply (10.4.5, 10.4.8).",
    "V11 Cryptography": "The service uses only what libraries offer: HMAC-SHA-256, Ed25519, bcrypt, the system's random"
    " numbers. It encrypts only saved responses that"
    " have the URL of a feed (Fernet), and derives all keys from the one secret.",
    "V12 Secure communication": "The proxy terminates TLS, as docs/deploy.md describes. DATABASE_URL configures TLS to"
    " PostgreSQL, and mail requires STARTTLS.",
    "V13.3 Vault for secrets": "Secrets come from the environment. How they get there is the operator's choice.",
    "V15.2 Dependencies": "They are locked by hash. CONTRIBUTING.md describes how to update them.",
    "V17 WebRTC": "The service has none.",
}
