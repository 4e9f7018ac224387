"""Export and import of all tasks."""
