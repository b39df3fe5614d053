"""Turns due schedules into executions and keeps the queue healthy: one tick a file."""
