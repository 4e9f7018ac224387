"""E-mail: messages, the background outbox and the transports."""
