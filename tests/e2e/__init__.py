"""A person at a browser, against a real `rota up`."""
