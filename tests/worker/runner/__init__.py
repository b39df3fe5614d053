"""Tests of the runner, each against a real one in a process of its own."""
