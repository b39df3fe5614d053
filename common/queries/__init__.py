"""Owns functions that read rows: plain functions that return a statement or rows."""
