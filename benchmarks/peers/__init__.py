"""Other schedulers doing the same work on the same machine: what Rota's figures are to be seen beside."""
