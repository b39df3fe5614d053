"""Owns what tests share: servers, databases, waiting."""
