"""Frameworks and tools of other languages: GORM; jOOQ, Flyway and Liquibase; PDO, Doctrine and Eloquent."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients import abroad
from tests.clients.place import Access, Place, program

pytestmark = pytest.mark.slow


def printed(command: list[str | Path], a: Access) -> list[str]:
    """The lines that a program printed of what it got; tools' own chatter is left out."""
    done = program(command, a, env={"DATABASE_URL": a.url(query="?sslmode=disable")})
    return [line for line in done.stdout.splitlines() if line.startswith("[")]


# ------------------------------------------------------------------ Go


@pytest.fixture(scope="module")
def gorm() -> Path:
    abroad.need("go")
    return abroad.built("go_tools", ["go", "build", "-o", "tools", "."])


@pytest.fixture
def gorm_version(gorm: Path, version: Callable[[str], None]) -> None:
    version("".join(re.findall(r"gorm.io/gorm v(\S+)", (gorm / "go.mod").read_text())[:1]))


@pytest.mark.usefixtures("gorm_version")
@pytest.mark.client("GORM", "models, preload, joins, batches, upsert, locks, nested transactions, migrator's questions")
def test_gorm(gorm: Path, place: Place) -> None:
    place.agree(lambda a: printed([gorm / "tools", "work"], a))


@pytest.mark.usefixtures("gorm_version")
@pytest.mark.client("GORM", "AutoMigrate by an approved owner")
def test_gorm_migrates(gorm: Path, place: Place) -> None:
    place.agree_with_direct(lambda a: printed([gorm / "tools", "migrate"], a), "steward")


@pytest.mark.usefixtures("gorm_version")
@pytest.mark.client("GORM", "refusals: code 42501, and the connection goes on")
def test_gorm_refusals(gorm: Path, place: Place) -> None:
    assert printed([gorm / "tools", "refusals"], place.through()) == [
        '[["42501"],["42501"],["42501"],[60],["42501"],["42501"],["42501"],[60]]'
    ]


# ------------------------------------------------------------------ Java


@pytest.fixture(scope="module")
def java() -> Path:
    abroad.need("java", "mvn")
    classpath = "dependency:build-classpath"
    return abroad.built("java_tools", ["mvn", "-q", "-B", "compile", classpath, "-Dmdep.outputFile=classpath.txt"])


def tools(at: Path, a: Access, name: str) -> list[str]:
    classpath = f"{at / 'target' / 'classes'}:{(at / 'classpath.txt').read_text()}"
    return printed(["java", "-cp", classpath, "Tools", name], a)


def java_version(at: Path, artifact: str) -> str:
    found = re.search(rf"<artifactId>{artifact}</artifactId><version>([^<]+)", (at / "pom.xml").read_text())
    assert found is not None
    return found[1]


@pytest.mark.client("jOOQ", "MULTISET, ROLLUP, windows, seek, upsert, MERGE, batches, nested transactions, meta")
def test_jooq(java: Path, place: Place, version: Callable[[str], None]) -> None:
    version(java_version(java, "jooq"))
    place.agree(lambda a: tools(java, a, "jooq"))


@pytest.mark.client("jOOQ", "the code generator's questions: tables, enums, types, domains, routines, sequences, keys")
def test_jooq_generates(java: Path, place: Place, version: Callable[[str], None]) -> None:
    version(java_version(java, "jooq-codegen"))
    place.agree_with_direct(lambda a: tools(java, a, "generate"))


@pytest.mark.client("jOOQ", "refusals: SQLSTATE 42501, and the connection goes on")
def test_jooq_refusals(java: Path, place: Place, version: Callable[[str], None]) -> None:
    version(java_version(java, "jooq"))
    assert tools(java, place.through(), "refusals") == ["[42501, 60]"] * 2


@pytest.mark.client("Flyway", "migrate, info, validate, repair, clean by an approved owner")
def test_flyway(java: Path, place: Place, version: Callable[[str], None]) -> None:
    version(java_version(java, "flyway-core"))
    place.agree_with_direct(lambda a: tools(java, a, "flyway"), "steward")


@pytest.mark.client("Liquibase", "update, update as SQL, tag, rollback by an approved owner")
def test_liquibase(java: Path, place: Place, version: Callable[[str], None]) -> None:
    version(java_version(java, "liquibase-core"))
    place.agree_with_direct(lambda a: tools(java, a, "liquibase"), "steward")


@pytest.mark.client("Liquibase", "ordinary login: a snapshot of tables, keys, indexes and views")
def test_liquibase_snapshot(java: Path, place: Place, version: Callable[[str], None]) -> None:
    version(java_version(java, "liquibase-core"))
    place.agree_with_direct(lambda a: tools(java, a, "snapshot"))


# ------------------------------------------------------------------ PHP

_WHERE = {
    "doctrine": ("Doctrine/DBAL/autoload.php", "php-doctrine-dbal"),
    "eloquent": ("Illuminate/Database/autoload.php", "php-illuminate-database"),
}


def php(version: Callable[[str], None], package: str = "php-pgsql", library: str = "") -> list[str | Path]:
    """The program, once what it needs is seen to be there."""
    abroad.need("php")
    modules = subprocess.run(["php", "-m"], capture_output=True, text=True, check=True).stdout.splitlines()
    if "pdo_pgsql" not in modules or (library and not (Path("/usr/share/php") / library).exists()):
        pytest.skip(f"{package} is not installed for PHP")
    ask = ["dpkg-query", "-W", "-f", "${Version}", package]
    said = subprocess.run(ask, capture_output=True, text=True, check=False).stdout
    version(re.split(r"[-+~]", said.split(":")[-1])[0])
    return ["php", abroad.HERE / "php" / "work.php"]


@pytest.mark.client("PHP (PDO, pgsql)", "prepared here and there, metadata of columns, cursors, COPY, notifications")
def test_pdo(place: Place, version: Callable[[str], None]) -> None:
    command = php(version)
    place.agree(lambda a: printed([*command, "pdo"], a))


@pytest.mark.client("PHP (PDO, pgsql)", "refusals: SQLSTATE 42501, and the connection goes on")
def test_pdo_refusals(place: Place, version: Callable[[str], None]) -> None:
    assert printed([*php(version), "refusals"], place.through()) == ['["42501",60]'] * 2


@pytest.mark.client("Doctrine DBAL", "query builder, the schema manager, nested transactions")
def test_doctrine(place: Place, version: Callable[[str], None]) -> None:
    library, package = _WHERE["doctrine"]
    command = php(version, package, library)
    place.agree(lambda a: printed([*command, "doctrine"], a))


@pytest.mark.client("Laravel (Eloquent)", "models, relations, chunks, JSON, upsert, locks, transactions")
def test_eloquent(place: Place, version: Callable[[str], None]) -> None:
    library, package = _WHERE["eloquent"]
    command = php(version, package, library)
    place.agree(lambda a: printed([*command, "eloquent"], a))
