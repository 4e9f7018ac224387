"""HTTP: request bodies and parameters, responses, errors and headers."""
