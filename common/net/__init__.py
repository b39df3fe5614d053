"""Owns calls to the outside: which addresses may be called, and HTTP clients that call no others."""
