"""Owns the store of files that executions leave: a folder, or an S3-compatible service."""
