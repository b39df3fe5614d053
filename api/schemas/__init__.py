"""Owns the shapes of answers; what comes in is in `common.services.inputs`."""
