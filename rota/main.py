"""The `rota` command. In a wheel the program's folders lie below `rota/_app`; a checkout has them beside this one."""

import sys
from pathlib import Path


def main() -> None:
    """Run the command line."""
    app = Path(__file__).parent / "_app"
    if app.is_dir():
        sys.path.insert(0, str(app))
    from cli.main import main as run

    run()
