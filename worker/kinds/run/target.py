"""The table that an import writes to: its columns, and the statements that fill it, by the grammar of each engine."""

import re
from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from common.datasources.connection import Connection
from common.sheets import cleaning
from worker.kinds.run.control import Failure

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_MARKS = {"postgresql": "%s", "mysql": "%s", "sqlite": "?", "sqlserver": "%s"}
#: Rows of one statement, and values of it: SQLite takes 32,766, SQL Server 2,100.
_ROWS, _VALUES = 500, {"sqlserver": 2000}
_MOST_VALUES = 30_000
_WORDS = (
    (cleaning.AUTO, ("interval", "bit varying")),
    (cleaning.BOOLEAN, ("bool", "bit")),
    (cleaning.DATETIME, ("timestamp", "datetime", "smalldatetime")),
    (cleaning.DATE, ("date",)),
    (cleaning.DECIMAL, ("dec", "numeric", "money", "number")),
    (cleaning.FLOAT, ("float", "double", "real", "binary_")),
    (cleaning.INTEGER, ("int", "bigint", "smallint", "tinyint", "mediumint", "serial")),
    (cleaning.TEXT, ("char", "text", "clob", "varchar", "nchar", "nvarchar", "string", "enum", "uuid", "json")),
)
#: Kinds of tables of MySQL and MariaDB that keep what is written whatever becomes of the transaction.
_NOTHING_BACK = {"myisam", "aria", "memory", "csv", "archive", "mrg_myisam", "federated", "blackhole"}
_CATALOG = {
    "postgresql": "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = :name::regclass"
    " AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
    "mysql": "SELECT column_name, column_type FROM information_schema.columns WHERE table_name = :table"
    " AND table_schema = COALESCE(:schema, DATABASE()) ORDER BY ordinal_position",
    "sqlite": "SELECT name, type FROM pragma_table_info(:table)",
    "sqlserver": "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = :table"
    " AND table_schema = COALESCE(:schema, SCHEMA_NAME()) ORDER BY ordinal_position",
    "oracle": "SELECT column_name, data_type FROM all_tab_columns WHERE table_name = UPPER(:table)"
    " AND owner = UPPER(COALESCE(:schema, USER)) ORDER BY column_id",
}


def kind_of(declared: str) -> str:
    """What a column of this declared type takes; `auto` for what is none of ours."""
    word = declared.casefold()
    if word.startswith("tinyint(1)"):
        return cleaning.BOOLEAN  # what MySQL makes of BOOLEAN
    for kind, words in _WORDS:
        if any(word.startswith(each) for each in words):
            return kind
    return cleaning.TEXT if "char" in word else cleaning.AUTO


class Target:
    """One table. `columns` are its columns with what each takes; raises Failure for a table that is not there."""

    def __init__(self, connection: Connection, table: str) -> None:
        self._connection = connection
        self.engine = connection.source.engine
        parts = [part.strip().strip('"`[]') for part in table.split(".")]
        if not all(parts) or len(parts) > 2:
            raise Failure(f"{table} is not the name of a table (table, or schema.table)")
        self.name = ".".join(map(self._name, parts))
        self._schema, self._table = (parts[0] if len(parts) > 1 else None), parts[-1]
        self.columns = self._columns(table)
        self._check_transactions()

    def _columns(self, table: str) -> dict[str, str]:
        given = {"table": self._table, "schema": self._schema, "name": self.name}
        try:
            rows = self._connection.execute(_CATALOG[self.engine], given).fetchall()
        except Exception as error:
            raise Failure(f"the table {table} is not there: {error}") from error
        if not rows:
            raise Failure(f"the table {table} is not there, or this account may not see it")
        return {str(name): kind_of(str(declared)) for name, declared in rows}

    def _check_transactions(self) -> None:
        """Raise Failure for a table from which nothing that was written could be taken back."""
        if self.engine != "mysql":
            return
        found = self._connection.execute(
            "SELECT engine FROM information_schema.tables WHERE table_name = :table"
            " AND table_schema = COALESCE(:schema, DATABASE())",
            {"table": self._table, "schema": self._schema},
        ).fetchone()
        if found and str(found[0]).casefold() in _NOTHING_BACK:
            raise Failure(
                f"{self._table} is a table of the engine {found[0]}, which knows no transactions: an import could not"
                f" be taken back (ALTER TABLE {self._table} ENGINE=InnoDB)"
            )

    def find(self, column: str) -> str | None:
        """The column that is meant, whatever its case and the spaces in it."""
        if column in self.columns:
            return column
        wanted = cleaning.name_of(column)
        return next((name for name in self.columns if cleaning.name_of(name) == wanted), None)

    def _name(self, name: str) -> str:
        """A name as it stands in a statement; a plain one is left to the engine's own rules."""
        return name if _PLAIN.fullmatch(name) else self.quoted(name)

    def quoted(self, name: str) -> str:
        """A name that is taken as it is written."""
        match self.engine:
            case "mysql":
                return "`" + name.replace("`", "``") + "`"
            case "sqlserver":
                return "[" + name.replace("]", "]]") + "]"
        return '"' + name.replace('"', '""') + '"'

    def empty(self) -> int:
        """Delete every row; returns how many there were."""
        cursor = self._connection.execute(f"DELETE FROM {self.name}")
        found = int(cursor.rowcount)
        cursor.close()
        return max(found, 0)

    def check_key(self, key: Sequence[str]) -> None:
        """Raise Failure where MySQL would add rows in place of changing them: it goes by its own unique keys."""
        if self.engine != "mysql":
            return
        rows = self._connection.execute(
            "SELECT index_name, column_name FROM information_schema.statistics WHERE table_name = :table"
            " AND table_schema = COALESCE(:schema, DATABASE()) AND non_unique = 0",
            {"table": self._table, "schema": self._schema},
        ).fetchall()
        keys: dict[str, set[str]] = {}
        for index, column in rows:
            keys.setdefault(str(index), set()).add(str(column).casefold())
        if {each.casefold() for each in key} not in keys.values():
            raise Failure(f"the table has no primary or unique key of {', '.join(key)}: rows cannot be found by it")

    def at_once(self, columns: Sequence[str]) -> int:
        """Rows of one statement."""
        if self.engine == "oracle":
            return _ROWS
        return max(1, min(_ROWS, _VALUES.get(self.engine, _MOST_VALUES) // max(1, len(columns))))

    def write(self, columns: Sequence[str], rows: Sequence[Sequence[Any]], key: Sequence[str]) -> None:
        """Add rows, or with a `key` change those that are there."""
        cursor = self._connection.raw.cursor()
        try:
            if key and self.engine in ("oracle", "sqlserver"):
                cursor.executemany(self._merge(columns, key), [tuple(row) for row in rows])
            elif self.engine == "oracle":
                marks = ", ".join(f":{number}" for number in range(1, len(columns) + 1))
                cursor.executemany(
                    f"INSERT INTO {self.name} ({self._list(columns)}) VALUES ({marks})", [tuple(row) for row in rows]
                )
            else:
                marks = "(" + ", ".join([_MARKS[self.engine]] * len(columns)) + ")"
                values = [value for row in rows for value in row]
                statement = f"INSERT INTO {self.name} ({self._list(columns)}) VALUES {', '.join([marks] * len(rows))}"
                cursor.execute(statement + self._upsert(columns, key), [self._bound(value) for value in values])
        finally:
            cursor.close()

    def _bound(self, value: Any) -> Any:
        """SQLite's driver knows neither exact numbers nor days: its columns keep them as text."""
        if self.engine == "sqlite":
            match value:
                case datetime():
                    return value.isoformat(" ")
                case date() | time():
                    return value.isoformat()
                case Decimal():
                    return str(value)
        return value

    def _list(self, columns: Sequence[str]) -> str:
        return ", ".join(map(self.quoted, columns))

    def _upsert(self, columns: Sequence[str], key: Sequence[str]) -> str:
        if not key:
            return ""
        others = [self.quoted(each) for each in columns if each not in key]
        if self.engine == "mysql":
            changed = ", ".join(f"{each} = VALUES({each})" for each in others or [self.quoted(key[0])])
            return f" ON DUPLICATE KEY UPDATE {changed}"
        if not others:
            return f" ON CONFLICT ({self._list(key)}) DO NOTHING"
        return f" ON CONFLICT ({self._list(key)}) DO UPDATE SET " + ", ".join(
            f"{each} = excluded.{each}" for each in others
        )

    def _merge(self, columns: Sequence[str], key: Sequence[str]) -> str:
        given = ", ".join(
            f"{self._mark(number)} AS {self.quoted(each)}" for number, each in enumerate(columns, start=1)
        )
        origin = f"(SELECT {given} FROM dual) s" if self.engine == "oracle" else f"(SELECT {given}) AS s"
        target = f"{self.name} t" if self.engine == "oracle" else f"{self.name} WITH (HOLDLOCK) AS t"
        same = " AND ".join(f"t.{self.quoted(each)} = s.{self.quoted(each)}" for each in key)
        others = [self.quoted(each) for each in columns if each not in key]
        change = (
            f" WHEN MATCHED THEN UPDATE SET {', '.join(f't.{each} = s.{each}' for each in others)}" if others else ""
        )
        values = ", ".join(f"s.{self.quoted(each)}" for each in columns)
        end = "" if self.engine == "oracle" else ";"
        return (
            f"MERGE INTO {target} USING {origin} ON ({same}){change}"
            f" WHEN NOT MATCHED THEN INSERT ({self._list(columns)}) VALUES ({values}){end}"
        )

    def _mark(self, number: int) -> str:
        return f":{number}" if self.engine == "oracle" else _MARKS[self.engine]

    def save(self) -> None:
        """Remember this place in the transaction."""
        self._say("SAVE TRANSACTION rota_rows" if self.engine == "sqlserver" else "SAVEPOINT rota_rows")

    def back(self) -> None:
        """Go back to it."""
        self._say("ROLLBACK TRANSACTION rota_rows" if self.engine == "sqlserver" else "ROLLBACK TO SAVEPOINT rota_rows")

    def _say(self, statement: str) -> None:
        self._connection.execute(statement).close()
