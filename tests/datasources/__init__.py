"""Users databases: the drivers, and what is done with them."""
