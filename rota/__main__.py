"""`python -m rota`."""

from rota.main import main

main()
