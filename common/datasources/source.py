"""What is known of a user's database, and the kinds there are."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from common.domain.invalid import N_


@dataclass(frozen=True, slots=True)
class SourceKind:
    """One kind of database. `driver` is the Python module that must be there, `extra` what to install for it ("" =
    comes with Rota), `engine` our module for it, `name_title` what the database's name is called there."""

    name: str
    title: str
    engine: str
    port: int
    driver: str
    extra: str = ""
    name_title: str = N_("Database")
    #: Whether the certificate of a server can be checked with its driver.
    verifies: bool = True

    @property
    def is_file(self) -> bool:
        """Whether it is a file and no server."""
        return self.engine == "sqlite"


KINDS: Mapping[str, SourceKind] = {
    kind.name: kind
    for kind in (
        SourceKind("mysql", "MySQL", "mysql", 3306, "pymysql"),
        SourceKind("mariadb", "MariaDB", "mysql", 3306, "pymysql"),
        SourceKind("postgresql", "PostgreSQL", "postgresql", 5432, "psycopg"),
        SourceKind("analyticdb", "AnalyticDB", "mysql", 3306, "pymysql"),
        SourceKind("oracle", "Oracle", "oracle", 1521, "oracledb", "oracle", N_("Service name")),
        SourceKind("sqlserver", "SQL Server", "sqlserver", 1433, "pymssql", "mssql", verifies=False),
        SourceKind("sqlite", "SQLite", "sqlite", 0, "sqlite3", name_title=N_("File")),
    )
}

OFF, REQUIRE, VERIFY = "off", "require", "verify"


@dataclass(frozen=True, slots=True)
class Source:
    """One database with all it takes to connect. `tls`: "off", "require" (encrypted), "verify" (and the server's
    certificate is checked, against `tls_ca` in PEM, or the authorities that this machine trusts). `statement_timeout`
    in seconds, None = none. Its text shows no password."""

    kind: str
    host: str = ""
    port: int = 0
    database: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    tls: str = OFF
    tls_ca: str = ""
    read_only: bool = False
    statement_timeout: float | None = None
    name: str = ""

    @property
    def about(self) -> SourceKind:
        """Its kind."""
        return KINDS[self.kind]

    @property
    def engine(self) -> str:
        """Which of our modules it takes, and which grammar its scripts have."""
        return self.about.engine

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return self.database if self.about.is_file else f"{self.host}:{self.port}"

    def as_json(self) -> dict[str, Any]:
        """For the job of a process, password included."""
        return asdict(self)

    @classmethod
    def of_json(cls, raw: Mapping[str, Any]) -> "Source":
        """From the job of a process."""
        return cls(**raw)
