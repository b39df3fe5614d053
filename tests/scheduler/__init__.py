"""Owns the tests of the scheduler's ticks, on each real database."""
