"""Owns passwords, tokens and keys."""
