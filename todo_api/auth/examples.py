"""Example bodies of the OpenAPI document."""

from todo_api.auth.schemas.api_keys import UNUSED_PROPERTIES

JWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.c2lnbmF0dXJl"
ACCOUNT = {"email": "ada@example.com", "password": "correct horse battery"}
USER = {
    "id": "5b0e6c0f-3f0a-4a3c-9d55-0c9e5e8f2f11",
    "email": "ada@example.com",
    "name": "Ada",
    "emailVerified": False,
    "image": None,
    "createdAt": "2026-09-20T08:00:00.000Z",
    "updatedAt": "2026-09-20T08:00:00.000Z",
}
SIGNED_IN = {
    "user": USER,
    "token": JWT,
    "refresh_token": JWT,
    "token_type": "bearer",
    "expires_in": 3600,
    "redirect": False,
}
SIGNED_OUT = {"success": True, "message": "Signed out successfully"}
CHANGE_PASSWORD = {"currentPassword": "correct horse battery", "newPassword": "staple battery horse"}
DONE = {"status": True}
RESET_TOKEN = f"{'c0ffee42' * 8}_{USER['id']}"
SESSION = {
    "id": "0b7c5a1e9d3f4b6c8a2e1f0d9c8b7a65",
    "token": "0b7c5a1e9d3f4b6c8a2e1f0d9c8b7a65",
    "userId": "5b0e6c0f-3f0a-4a3c-9d55-0c9e5e8f2f11",
    "expiresAt": "2026-09-27T08:00:00.000Z",
    "createdAt": "2026-09-20T08:00:00.000Z",
    "updatedAt": "2026-09-20T08:00:00.000Z",
    "ipAddress": "203.0.113.7",
    "userAgent": "curl/8.11.0",
}
SIGN_IN_METHOD = {
    "id": USER["id"],
    "providerId": "credential",
    "accountId": USER["id"],
    "userId": USER["id"],
    "scopes": [],
    "createdAt": "2026-09-20T08:00:00.000Z",
    "updatedAt": "2026-09-20T08:00:00.000Z",
}
CURRENT = {"session": SESSION, "user": USER}
KEY_SET = {
    "keys": [
        {
            "alg": "EdDSA",
            "crv": "Ed25519",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            "kty": "OKP",
            "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7Txh",
        },
    ],
}
KEY = {
    "id": "3kTMd9aZq1B",
    "name": "nightly backup",
    "start": "todo_2mVb6yK0Wq9XrT4uLsE8Za3kTMd9aZq1B",
    "referenceId": USER["id"],
    "permissions": {"tasks": ["read"]},
    "enabled": True,
    "expiresAt": None,
    "createdAt": "2026-09-20T08:00:00.000Z",
    "updatedAt": "2026-09-20T08:00:00.000Z",
    "lastRequest": None,
    **UNUSED_PROPERTIES,
}
NEW_KEY = {**KEY, "key": f"{KEY['start']}{'0Zz7' * 10}abc0r5XyQ"}
