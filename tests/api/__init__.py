"""The HTTP API, in process, on every database."""
