"""Scripts are cut where the engine's own command line tool would cut them."""

import pytest
import sqlparse

from common.datasources.parameters import rewritten
from common.datasources.splitter import split

MYSQL = """-- hi
SELECT 1; SELECT 'a;b\\'c;' , "x;y" # c ;
;
/*!40101 SET NAMES utf8 */;
DELIMITER //
CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END//
DELIMITER ;
CREATE DEFINER=`root`@`localhost` TRIGGER t BEFORE INSERT ON x FOR EACH ROW BEGIN
 IF NEW.a > 1 THEN SET NEW.b = CASE WHEN 1 THEN 2 ELSE 3 END; END IF;
 CASE NEW.a WHEN 1 THEN SET @x=1; ELSE BEGIN END; END CASE;
 WHILE 1 DO SET @a=1; END WHILE;
END;
BEGIN; UPDATE a SET begin=1; COMMIT;
CREATE TABLE t (`begin` int, end int); SELECT 3"""
POSTGRESQL = """DO $$ BEGIN PERFORM 1; END $$; SELECT E'a\\';b', 'c\\'; SELECT /* x /* y; */ ; */ 2;
CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END;
CREATE FUNCTION g() RETURNS void AS $body$ begin; $$ x; $body$ LANGUAGE plpgsql;
BEGIN; SELECT a.begin FROM x; END; select 'it''s; ok'::text, x[1:2]"""
SQLITE = """CREATE TRIGGER t AFTER INSERT ON x BEGIN UPDATE y SET a=CASE WHEN 1 THEN 2 END; DELETE FROM z; END;
BEGIN; SELECT [a;b]; COMMIT"""
ORACLE = """CREATE OR REPLACE PROCEDURE p AS
BEGIN NULL; END;
/
SELECT q'[it's; x]' FROM dual;
BEGIN dbms_output.put_line('a/b'); END;
/
SELECT 4/
2 FROM dual
/
INSERT INTO t VALUES (1);"""
SQLSERVER = """DECLARE @x int = 1; SELECT [a;b] FROM t
GO
/*
GO
*/
INSERT t VALUES (1)
go 3
SELECT 'x
GO
'"""


@pytest.mark.parametrize(
    ("engine", "script", "wanted"),
    [
        (
            "mysql",
            MYSQL,
            [
                (2, "SELECT"),
                (2, "SELECT"),
                (4, "SET"),
                (6, "CREATE"),
                (8, "CREATE"),
                (13, "BEGIN"),
                (13, "UPDATE"),
                (13, "COMMIT"),
                (14, "CREATE"),
                (14, "SELECT"),
            ],
        ),
        (
            "postgresql",
            POSTGRESQL,
            [
                (1, "DO"),
                (1, "SELECT"),
                (1, "SELECT"),
                (2, "CREATE"),
                (3, "CREATE"),
                (4, "BEGIN"),
                (4, "SELECT"),
                (4, "END"),
                (4, "SELECT"),
            ],
        ),
        ("sqlite", SQLITE, [(1, "CREATE"), (2, "BEGIN"), (2, "SELECT"), (2, "COMMIT")]),
        ("oracle", ORACLE, [(1, "CREATE"), (4, "SELECT"), (5, "BEGIN"), (7, "SELECT"), (10, "INSERT")]),
        ("sqlserver", SQLSERVER, [(1, "DECLARE"), (6, "INSERT"), (8, "SELECT")]),
    ],
)
def test_where_statements_begin(engine: str, script: str, wanted: list[tuple[int, str]]) -> None:
    found = split(script, engine)
    assert [(each.line, each.word) for each in found] == wanted
    assert [each.number for each in found] == list(range(1, len(found) + 1))
    windows = split(script.replace("\n", "\r\n"), engine)
    assert [(each.line, each.word) for each in windows] == wanted


def test_what_a_statement_holds() -> None:
    assert split(MYSQL, "mysql")[3].text == "CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END"
    assert split(ORACLE, "oracle")[2].text == "BEGIN dbms_output.put_line('a/b'); END;"
    assert split(SQLSERVER, "sqlserver")[1].times == 3
    for script in ("", " \n", "-- only\n/* a comment */ ; ;", ";"):
        for engine in ("mysql", "postgresql", "sqlite", "oracle", "sqlserver"):
            assert split(script, engine) == []
    for broken in ("SELECT 'never closed; SELECT 2", "SELECT /* never closed ; SELECT 2", 'SELECT "x; y'):
        for engine in ("mysql", "postgresql", "sqlite", "oracle", "sqlserver"):
            assert [each.text for each in split(broken, engine)][:1] == [broken.rstrip()] or "/*" in broken


@pytest.mark.parametrize("engine", ["mysql", "postgresql", "sqlite", "oracle"])
def test_plain_scripts_are_cut_as_sqlparse_does(engine: str) -> None:
    row = "INSERT INTO t (a, b) VALUES ({n}, 'text; number {n} with ''quotes'''); -- row; {n}\n"
    script = "".join(row.format(n=n) for n in range(200)) + "SELECT count(*) FROM t WHERE b <> 'x;' /* ; */;"
    expected = [sqlparse.format(each, strip_comments=True).strip().rstrip("; ") for each in sqlparse.split(script)]
    found = [sqlparse.format(each.text, strip_comments=True).strip() for each in split(script, engine)]
    assert found == [each for each in expected if each]


def test_parameters_are_named_outside_of_strings_and_comments_only() -> None:
    text = "SELECT :a, ':a', \"x:a\", x::a, y[1:2], :ab -- :a\n, 50 % :a /* :a */"
    assert rewritten(text, {"a": 1}, "pyformat", "postgresql") == (
        "SELECT %(a)s, ':a', \"x:a\", x::a, y[1:2], :ab -- :a\n, 50 %% %(a)s /* :a */",
        {"a": 1},
    )
    assert rewritten(text, {"a": 1, "z": 2}, "named", "oracle")[1] == {"a": 1}
    assert rewritten("SELECT '100%'", {"a": 1}, "pyformat", "mysql") == ("SELECT '100%'", {})
