"""Owns the conformance suite: what Rota promises of a database, on each real one."""
