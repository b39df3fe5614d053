"""How fast Rota is, beside the raw limit of the machine: `scripts/bench`."""
