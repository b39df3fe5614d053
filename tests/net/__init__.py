"""Calls to the outside, against a server of our own."""
