"""Owns the tests of the pure rules, with independent references for the time rules."""
