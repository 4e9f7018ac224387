"""The texts of the mails with links, and of the notices beside them."""

from todo_api.auth.mails import Template

VERIFY_EMAIL = Template(
    "Verify your e-mail address",
    """\
Someone, probably you, uses this address for an account at {app}.

To verify that the address is yours, open this link within an hour:

{link}

If you have no account there, do not open the link.
""",
)

ACCOUNT_EXISTS = Template(
    "You already have an account",
    """\
Someone, probably you, tried to sign up at {app} with this address, which already has an account.

Sign in instead, or reset your password if you forgot it. If it was not you, ignore this mail.
""",
)

CONFIRM_CHANGE = Template(
    "Confirm the change of your e-mail address",
    """\
Someone, probably you, asked to change the e-mail address of your account at {app} to:

{new_email}

To confirm this, open this link within an hour. The new address then gets a mail to verify it:

{link}

If it was not you, do not open the link, and change your password: someone else uses your account.
""",
)

VERIFY_NEW_EMAIL = Template(
    "Verify your new e-mail address",
    """\
Someone, probably you, asked to use this address for an account at {app}.

To verify that the address is yours and to use it, open this link within an hour:

{link}

If it was not you, ignore this mail.
""",
)

EMAIL_CHANGED = Template(
    "Your e-mail address was changed",
    """\
The e-mail address of your account at {app} is now:

{new_email}

All sessions have ended except the one that asked for the change. If it was not you, tell the operators of {app}:
someone else uses your account.
""",
)

CONFIRM_DELETION = Template(
    "Confirm the deletion of your account",
    """\
Someone, probably you, asked to delete your account at {app} with all its tasks.

To delete it, open this link within a day, in a browser that is signed in. This cannot be undone:

{link}

If it was not you, do not open the link, and change your password: someone else uses your account.
""",
)
