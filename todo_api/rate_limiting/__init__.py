"""Rate limits: their definition, the stores of their counters, and their enforcement."""
