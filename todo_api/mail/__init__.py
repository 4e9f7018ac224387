"""E-mail: messages in plain text, the outbox that delivers them in the background, and the transports."""
