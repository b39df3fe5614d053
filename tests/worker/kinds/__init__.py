"""Tests of what the processes of tasks do that are no shell commands."""
