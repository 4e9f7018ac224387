"""Passwords: hashing, policy and reset."""
