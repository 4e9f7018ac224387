"""PostgreSQL: connections, compiled statements, execution and timeouts."""
