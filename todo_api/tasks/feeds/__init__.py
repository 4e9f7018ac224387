"""Calendar feeds: links under which a calendar program reads tasks."""
