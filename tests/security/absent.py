"""What of OWASP ASVS 5.0 does not apply to this service, and why."""

ABSENT = {
    "V1.3 Sanitization": "Nothing is rendered, and no command is made from input: no HTML, templates or LDAP.",
    "V1.4 Memory": "Python manages it; of this section only the ranges of numbers are left (1.4.2).",
    "V3.6 External resources": "The page at `/docs` is the only one, and all of it is served from here.",
    "V4.3 GraphQL, V4.4 WebSocket": "There is neither.",
    "V5 Files": "No file is taken for keeping: an import is read as JSON and forgotten, an export is made anew.",
    "V6.4 Recovery by secret questions": "There are none; a mailed link that works once is enough.",
    "V6.5–V6.7 Several factors": "There is the password alone. Who wants more runs a Better Auth server in front,"
    " whose tokens are taken here.",
    "V7.1, V8.1 Documentation of sessions and rights": "docs/architecture.md, docs/better-auth.md and the decisions.",
    "V7.6 Federated sessions": "The service starts no sign-in elsewhere; an issuer's token is verified by itself.",
    "V8.4 Tenants and administration over HTTP": "Each user is alone; administration is `flask users …`"
    " on the machine.",
    "V10 OAuth and OIDC": "This is no authorization server, client or provider. Of the chapter only what is said of"
    " refresh tokens is kept (10.4.5, 10.4.8).",
    "V11 Cryptography": "Only what libraries offer is used: HMAC-SHA-256, Ed25519, bcrypt, the system's random numbers."
    " Nothing is encrypted here, and no key is made but from the one secret.",
    "V12 Secure communication": "TLS is the proxy's, as docs/deploy.md says; that to PostgreSQL is asked for in"
    " DATABASE_URL, and mails want STARTTLS.",
    "V13.3 Vault for secrets": "Secrets come from the environment; what puts them there is the operator's choice.",
    "V15.2 Dependencies": "They are locked by hash; renewing them is described in CONTRIBUTING.md.",
    "V17 WebRTC": "There is none.",
}
