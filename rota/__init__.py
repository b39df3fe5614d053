"""Rota, a self-hosted scheduler: the name of the distribution and its version."""

__version__ = "0.1.0"
