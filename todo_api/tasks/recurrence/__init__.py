"""Repeating tasks: the grammar of their rules, the next occurrence, and completion."""
