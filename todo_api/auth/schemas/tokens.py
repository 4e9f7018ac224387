"""The schemas of the routes about tokens for other services."""

from marshmallow import Schema, fields


class TokenSchema(Schema):
    """A JWT that other services can verify."""

    token = fields.String(dump_only=True, required=True)


class KeySchema(Schema):
    """An Ed25519 public key (RFC 8037)."""

    alg = fields.String(dump_only=True, required=True)
    crv = fields.String(dump_only=True, required=True)
    x = fields.String(dump_only=True, required=True)
    kty = fields.String(dump_only=True, required=True)
    kid = fields.String(dump_only=True, required=True)


class KeySetSchema(Schema):
    """A JSON Web Key Set (RFC 7517)."""

    keys = fields.List(fields.Nested(KeySchema), dump_only=True, required=True)
