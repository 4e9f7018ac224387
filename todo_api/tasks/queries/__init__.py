"""The SQL statements of tasks."""
