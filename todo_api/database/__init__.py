"""PostgreSQL: connections, compiled statements, their execution and its timeouts."""
