"""Owns files of rows: what a value of a database becomes in a cell, and the writers of xlsx, csv and parquet."""
