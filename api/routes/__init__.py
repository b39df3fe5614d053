"""Owns the JSON routes: thin, over services."""
