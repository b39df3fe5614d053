"""Tests of the worker and of its runner."""
