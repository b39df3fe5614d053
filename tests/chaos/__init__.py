"""Rota under fault: real processes, real databases, and somebody who kills them."""
