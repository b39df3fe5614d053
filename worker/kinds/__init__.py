"""Owns what a task of each kind runs: from a claim to what the runner is given, and what the process then does."""
