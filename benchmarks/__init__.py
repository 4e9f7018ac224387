"""The benchmark: todo_api, its floor and other servers under the same load on one machine. See dev.py bench --help."""
