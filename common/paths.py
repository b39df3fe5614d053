"""Where the files that ship with Rota lie: in a checkout, or below `rota/_app` in a wheel."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = ROOT / "templates"
STATIC = ROOT / "static"
LOCALES = ROOT / "locales"
ALEMBIC = ROOT / "alembic"
