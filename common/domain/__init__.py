"""Owns the pure rules: no database, no clock, no web. Time is always an argument."""
