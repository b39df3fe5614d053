"""What leaves this repository: the wheel, and the files that build and run containers."""

import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from cli.main import app
from common.config import Settings
from worker.identity import HAND_OVER

ROOT = Path(__file__).resolve().parent.parent
SERVICES = {"postgres", "migrate", "api", "scheduler", "worker"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    uv = shutil.which("uv") or shutil.which("uv", path=str(ROOT / ".tools/bin"))
    assert uv, "run scripts/bootstrap: it gets uv"
    subprocess.run([uv, "build", "--quiet", "--wheel", "--out-dir", folder], cwd=ROOT, check=True)
    return next(folder.glob("rota-*.whl"))


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    return parsed


def test_a_script_goes_on_in_the_environment_of_the_checkout(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); import tests.support.own_python; print(sys.prefix)"
    )
    python = Path(sys.base_prefix) / "bin" / "python3"
    done = subprocess.run([python, "-I", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(ROOT / ".venv")


@pytest.mark.process
def test_a_wheel_holds_every_part_and_adds_only_one_name_to_a_users_python(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        files = archive.namelist()
    assert {file.split("/")[0] for file in files if ".dist-info/" not in file} == {"rota"}
    for part in ("alembic", "api", "cli", "common", "locales", "scheduler", "static", "templates", "worker"):
        shipped = {file.removeprefix("rota/_app/") for file in files if file.startswith(f"rota/_app/{part}/")}
        ours = {str(path.relative_to(ROOT)) for path in (ROOT / part).rglob("*") if path.is_file()}
        assert shipped == {path for path in ours if "__pycache__" not in path}, part


@pytest.mark.process
def test_a_wheel_runs_without_the_checkout(wheel: Path) -> None:
    program = "import rota.main\ntry: rota.main.main()\nfinally: import common; print(common.__file__)"
    command = [sys.executable, "-c", program, "--help"]
    # Not pytest's folder, which stays: the README in it shows a password, and what is left is searched for such.
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
        done = subprocess.run(command, cwd=folder, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "scheduler" in done.stdout
    assert done.stdout.splitlines()[-1].startswith(f"{folder}/rota/_app/common/")


def test_compose_runs_every_part_from_one_image(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert set(services) == SERVICES
    assert {service["image"] for name, service in services.items() if name != "postgres"} == {"rota:local"}
    assert services["worker"]["deploy"]["replicas"] == 2
    for name in SERVICES - {"postgres", "migrate"}:
        assert services[name]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}


def test_compose_mounts_only_volumes_it_declares(compose: dict[str, Any]) -> None:
    mounted = {mount.split(":")[0] for service in compose["services"].values() for mount in service["volumes"]}
    assert mounted == set(compose["volumes"])


def test_compose_has_no_default_password() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    uses = re.findall(r"\$\{(\w*PASSWORD\w*)(:?[^}]?)", text)
    assert uses
    assert {operator for _, operator in uses} == {":?"}


def test_containers_and_scripts_use_the_same_uv() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    bootstrap = (ROOT / "scripts/bootstrap").read_text(encoding="utf-8")
    in_dockerfile = re.search(r"uv==([\d.]+)", dockerfile)
    in_bootstrap = re.search(r"UV_PINNED=([\d.]+)", bootstrap)
    assert in_dockerfile
    assert in_bootstrap
    assert in_dockerfile[1] == in_bootstrap[1]


def test_the_image_gets_all_that_a_wheel_is_made_of() -> None:
    """.dockerignore lets in what pyproject.toml ships; a folder forgotten there would be missing in containers only."""
    allowed = set(re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE))
    shipped = set(
        re.findall(r'^"(\w+)" = "rota/_app/', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert allowed == shipped | {"rota", "pyproject.toml", "uv.lock", "README.md", "LICENSE"}


UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))


def unit(path: Path) -> dict[str, dict[str, str]]:
    """A unit by section and name; what is said twice is there once."""
    parsed = ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parsed.optionxform = str  # type: ignore[assignment, method-assign]
    parsed.read_string(path.read_text("utf-8"))
    return {name: dict(section) for name, section in parsed.items()}


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_starts_a_program_there_is_and_gives_it_time_to_end(path: Path) -> None:
    service = unit(path)["Service"]
    program, subcommand = service["ExecStart"].split()
    assert Path(program).name == "rota"
    assert subcommand in {command.callback.__name__ for command in app.registered_commands if command.callback}
    assert service["Restart"] == "always"
    if subcommand in ("up", "worker"):
        # What runs has its time, then its grace, and the worker a moment to write it down.
        assert int(service["TimeoutStopSec"]) > Settings.model_fields["drain_timeout"].default + 25
        assert "pids" in service["Delegate"].split()
    if subcommand == "worker":
        # systemd must not end what a worker leaves to its successor.
        assert service["KillMode"] == "process"
        assert service["ExecReload"] == f"/bin/kill -{HAND_OVER.name.removeprefix('SIG')} $MAINPID"
    else:
        assert service["KillMode"] == "mixed"


def test_every_part_has_a_unit_and_the_documents_name_it() -> None:
    text = (ROOT / "docs" / "install.md").read_text("utf-8")
    assert {path.stem for path in UNITS} == {"rota", "rota-api", "rota-scheduler", "rota-worker@"}
    assert [path.stem for path in UNITS if f"`{path.stem.replace('@', '@NAME')}`" not in text] == []


if shutil.which("systemd-analyze"):

    def test_systemd_finds_no_fault_with_a_unit(tmp_path: Path) -> None:
        """With a program that is there in place of ours."""
        copies = []
        for path in UNITS:
            copy = tmp_path / path.name.replace("@.", "@one.")
            copy.write_text(path.read_text("utf-8").replace("/opt/rota/bin/rota", "/bin/true"), "utf-8")
            copies.append(str(copy))
        command = ["systemd-analyze", "verify", "--man=no", "--generators=no", *copies]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout + done.stderr) == (0, "")
