"""Rota as processes: started, killed, stopped."""
