"""Owns the state of executions: the only place that changes it."""
