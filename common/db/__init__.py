"""Owns the database: engine, sessions, column types; the only place that knows a dialect."""
