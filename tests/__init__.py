"""Owns every test of Rota."""
