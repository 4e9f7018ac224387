"""Who asks: accounts, tokens and the guard in front of what is a user's own."""
