"""What operators use: health checks, the request log, metrics, `flask doctor`."""
