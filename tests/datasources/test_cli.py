"""`rota datasource`: stores, lists and tries data sources; passwords come by standard input and go nowhere."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from common.config import load
from common.security.encryption import Keyring
from common.services.data_sources import place

PASSWORD = "p@ss/wörd 密码"


def stored_password(data: Path, number: int) -> str:
    """What a worker would decrypt."""
    with closing(sqlite3.connect(data / "rota.db")) as own:
        (sealed,) = own.execute("SELECT sealed FROM data_sources WHERE id = ?", [number]).fetchone()
    assert PASSWORD not in sealed
    return Keyring(load(data_dir=data)).open(sealed, place(number))


def test_it_stores_lists_and_tries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "data"
    file = data / "databases" / "shop.db"
    file.parent.mkdir(parents=True)
    with closing(sqlite3.connect(file)) as shop:
        shop.execute("CREATE TABLE orders (id INTEGER)")

    def rota(*arguments: str, typed: str = "") -> tuple[int, str]:
        done = CliRunner().invoke(app, ["datasource", *arguments, "--data-dir", str(data)], input=typed)
        assert PASSWORD not in done.output
        return done.exit_code, done.output

    assert rota("create", "shop", "--kind", "sqlite", "--database", str(file))[0] == 0
    far = ["--kind", "postgresql", "--host", "db.invalid", "--database", "bank", "--username", "reader"]
    assert rota("create", "bank", *far, typed=f"{PASSWORD}\n")[0] == 0
    code, said = rota("create", "bank", *far, typed=f"{PASSWORD}\n")
    assert (code, "exists already" in said) == (2, True)
    code, said = rota("create", "other", "--kind", "db2")
    assert (code, "--kind" in said) == (2, True)
    code, said = rota("list")
    assert [line.split()[1:4] for line in said.splitlines()] == [
        ["bank", "postgresql", "db.invalid:5432/bank"],
        ["shop", "sqlite", str(file)],
    ]
    (one,) = json.loads(rota("list", "--search", "bank", "--json")[1])
    assert (one["name"], one["username"], one["id"]) == ("bank", "reader", 2)
    code, said = rota("test", "shop")
    assert (code, said.startswith("SQLite 3")) == (0, True)
    code, said = rota("test", "2", "--json")
    assert (code, json.loads(said)["problem"]) == (1, "name")
    assert stored_password(data, 2) == PASSWORD
    monkeypatch.setenv("ROTA_DATA_SOURCE_PASSWORD", f"{PASSWORD}!")
    far[far.index("bank")] = "other"
    assert rota("create", "other", *far)[0] == 0
    assert stored_password(data, 3) == f"{PASSWORD}!"
    code, said = rota("test", "nobody")
    assert (code, "There is no data source" in said) == (2, True)
