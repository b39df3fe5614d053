"""Tests of what a value becomes in a cell: written by us, read by others."""
