"""Owns the pure rules: no database, no clock, no web; time is always an argument."""
