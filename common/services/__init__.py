"""Owns what people do: plain async functions `(session, ..., *, now)` behind API, pages and command line."""
