"""Operations: health checks, the request log, metrics, `flask doctor`, and what all commands share."""
