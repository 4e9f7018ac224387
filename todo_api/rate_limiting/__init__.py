"""Rate limits and the stores that count them."""
