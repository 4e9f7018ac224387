"""What gunicorn's master loads. It imports nothing of todo_api, so that a reload (HUP) loads the application anew."""
