"""Owns what a task of each kind runs: from a claim to the command line of one process."""
