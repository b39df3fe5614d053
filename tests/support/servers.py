"""Private PostgreSQL and MariaDB servers: a temporary folder, free ports, nothing left behind.

    python -m tests.support.servers start --dir /tmp/servers   # prints ROTA_TEST_*_URL=... lines
    python -m tests.support.servers stop --dir /tmp/servers

Durability is off, they are thrown away (benchmarks turn it on). Their clock is set eight hours off UTC on purpose: code
that stores a server's local time is wrong by eight hours here, as it would be at a user's.
"""

import argparse
import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

POSTGRESQL_URL = "ROTA_TEST_POSTGRESQL_URL"
MYSQL_URL = "ROTA_TEST_MYSQL_URL"

_START_TIMEOUT = 60
_STOP_TIMEOUT = 15


class ServerError(Exception):
    """A server is not installed or does not start; the message says what to do."""


@dataclass
class Server:
    """One server process: how it is started, and what runs."""

    command: Sequence[str]
    folder: Path
    leash: signal.Signals | None
    stop_signal: signal.Signals
    url: str
    is_ready: Callable[[], bool]
    #: What a killed server leaves behind and would be taken for a living one.
    stale: Path
    process: subprocess.Popen[bytes] = field(init=False)

    def launch(self) -> None:
        """Start the process, which takes a moment until it is ready."""
        self.stale.unlink(missing_ok=True)
        self.process = _launch(self.command, self.folder, self.leash)

    @property
    def ready(self) -> bool:
        """Whether it takes connections; raises ServerError when it has ended."""
        if self.process.poll() is not None:
            raise ServerError(_why(self.folder))
        return self.is_ready()

    def kill(self) -> None:
        """End it like a power cut would: its helpers too, which in PostgreSQL each have a session of their own."""
        helpers = psutil.Process(self.process.pid).children(recursive=True)
        self.process.kill()
        self.process.wait()
        for helper in helpers:
            with contextlib.suppress(psutil.NoSuchProcess):
                helper.kill()
        psutil.wait_procs(helpers, timeout=_STOP_TIMEOUT)


def find(program: str) -> str:
    """The path of a server program: PATH, then where Debian and others hide it, newest version first."""
    hidden = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True)
    places = [os.environ.get("PATH", os.defpath), *map(str, hidden), "/usr/sbin", "/usr/local/sbin"]
    found = shutil.which(program, path=os.pathsep.join(places))
    if found is None:
        raise ServerError(
            f"{program} is not installed. apt-get install postgresql mariadb-server (or run scripts/test)."
        )
    return found


def _unprivileged() -> dict[str, Any]:
    """Whom the servers run as: neither starts as root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _make_folder(path: Path) -> Path:
    path.mkdir(mode=0o700)
    if owner := _unprivileged():
        os.chown(path, owner["user"], owner["group"])
    return path


def _memory_folder() -> str | None:
    """Where there is memory enough, data lies in it: creating a database takes 15 ms there, 300 on a slow disk."""
    shared = Path("/dev/shm")
    has_room = shared.is_dir() and os.access(shared, os.W_OK) and shutil.disk_usage(shared).free > 2**30
    return str(shared) if has_room else None


def _remove_orphans(parent: Path) -> None:
    """Remove the folders of test runs that were killed."""
    for folder in parent.glob("rota-servers-*"):
        if not Path(f"/proc/{folder.name.split('-')[2]}").exists():
            shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _prepare(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, **_unprivileged())
    if done.returncode:
        raise ServerError(f"{command[0]} failed:\n{done.stdout}{done.stderr}")


def _launch(command: Sequence[str], folder: Path, end_with_us: signal.Signals | None) -> subprocess.Popen[bytes]:
    leash = []
    if end_with_us and (setpriv := shutil.which("setpriv")):
        leash = [setpriv, f"--pdeathsig={end_with_us.name.removeprefix('SIG')}"]  # also after a kill -9
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            [*leash, *command],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C must reach the tests first, the servers last
            **_unprivileged(),
        )


def _wait_ready(server: Server) -> None:
    deadline = time.monotonic() + _START_TIMEOUT
    while not server.ready:
        if time.monotonic() > deadline:
            raise ServerError(_why(server.folder))
        time.sleep(0.02)


def _why(folder: Path) -> str:
    log = (folder / "log").read_text(errors="replace")
    return f"{folder.name} did not start:\n{log[-4000:]}"


def _prepare_postgresql(folder: Path, *, leashed: bool, durable: bool) -> Server:
    _make_folder(folder)
    password = secrets.token_hex(16)
    (folder / "password").write_text(password)
    (folder / "password").chmod(0o644)  # the folder is closed to others
    initdb = [find("initdb"), "--pgdata=data", "--username=rota", "--auth=scram-sha-256", "--pwfile=password"]
    _prepare([*initdb, "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"], folder)
    port = _free_port()
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": folder,
        "max_connections": 200,
        "wal_level": "minimal",
        "max_wal_senders": 0,
        "timezone": "Asia/Shanghai",
    }
    if not durable:
        settings |= {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
    options = [option for name, value in settings.items() for option in ("-c", f"{name}={value}")]

    def is_ready() -> bool:
        try:
            return "ready" in (folder / "data/postmaster.pid").read_text().split()
        except FileNotFoundError:
            return False

    return Server(
        [find("postgres"), "-D", str(folder / "data"), *options],
        folder,
        signal.SIGINT if leashed else None,
        signal.SIGINT,
        f"postgresql+asyncpg://rota:{password}@127.0.0.1:{port}/postgres",
        is_ready,
        folder / "data/postmaster.pid",
    )


def _prepare_mariadb(folder: Path, *, leashed: bool, durable: bool) -> Server:
    _make_folder(folder)
    password = secrets.token_hex(16)
    create_user = (
        f"CREATE USER IF NOT EXISTS rota@'%' IDENTIFIED BY '{password}';\n"
        "GRANT ALL ON *.* TO rota@'%' WITH GRANT OPTION;\n"
    )
    (folder / "init.sql").write_text(create_user)
    (folder / "init.sql").chmod(0o644)
    data = folder / "data"
    _prepare(
        [
            find("mariadb-install-db"),
            "--no-defaults",
            f"--datadir={data}",
            f"--tmpdir={folder}",  # ours may be closed to the servers' user
            "--skip-test-db",
            "--innodb-use-native-aio=0",
        ],
        folder,
    )
    port = _free_port()
    settings = {
        "datadir": data,
        "tmpdir": folder,
        "socket": folder / "socket",
        "pid-file": folder / "pid",
        "bind-address": "127.0.0.1",
        "port": port,
        "skip-networking": 0,
        "skip-name-resolve": 1,
        "max-connections": 200,
        "character-set-server": "utf8mb4",
        "default-time-zone": "+08:00",
        "innodb-flush-log-at-trx-commit": 1 if durable else 0,
        # What is durable may also grow: PostgreSQL has the system's cache for that.
        "innodb-buffer-pool-size": "1G" if durable else "64M",
        "innodb-fast-shutdown": 2,
        "innodb-use-native-aio": 0,
        "init-file": folder / "init.sql",
    }
    options = [f"--{name}={value}" for name, value in settings.items()]

    def is_ready() -> bool:
        """It greets only when the init file has been read."""
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                return bool(connection.recv(1))
        except OSError:
            return False

    return Server(
        [find("mariadbd"), "--no-defaults", *options],
        folder,
        signal.SIGTERM if leashed else None,
        signal.SIGTERM,
        f"mysql+aiomysql://rota:{password}@127.0.0.1:{port}/mysql",
        is_ready,
        folder / "pid",
    )


_PREPARE = {POSTGRESQL_URL: _prepare_postgresql, MYSQL_URL: _prepare_mariadb}


def _start(variable: str, folder: Path, *, leashed: bool, durable: bool = False) -> Server:
    """Start one server; again when its port was taken or its installation failed. Leashed: it ends when we end."""
    name = "postgresql" if variable == POSTGRESQL_URL else "mariadb"
    for attempt in range(3):
        try:
            server = _PREPARE[variable](folder / f"{name}{attempt}", leashed=leashed, durable=durable)
            server.launch()
            with _stop_on_error(server):
                _wait_ready(server)
            return server
        except ServerError as error:
            if attempt == 2 or not any(word in str(error).lower() for word in ("address", "failed:")):
                raise
    raise AssertionError("unreachable")


def _stop(server: Server) -> None:
    if server.process.poll() is None:
        server.process.send_signal(server.stop_signal)
    try:
        server.process.wait(_STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        os.killpg(server.process.pid, signal.SIGKILL)
        server.process.wait()


@contextlib.contextmanager
def _stop_on_error(server: Server) -> Iterator[None]:
    try:
        yield
    except BaseException:
        _stop(server)
        raise


@contextlib.contextmanager
def _folder(*, on_disk: bool = False) -> Iterator[Path]:
    parent = (not on_disk and _memory_folder()) or tempfile.gettempdir()
    _remove_orphans(Path(parent))
    folder = Path(tempfile.mkdtemp(prefix=f"rota-servers-{os.getpid()}-", dir=parent))
    folder.chmod(0o711)  # the servers' user passes through, nobody lists it
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def running(
    variables: Sequence[str] = (POSTGRESQL_URL, MYSQL_URL), *, durable: bool = False
) -> Iterator[Mapping[str, str]]:
    """Servers for the length of a `with` block; gives the environment variables that name them.

    `durable`: on disk, and what is committed survives a power cut, as on a user's machine.
    """
    with _folder(on_disk=durable) as folder, contextlib.ExitStack() as stack:
        environment = {}
        for variable in variables:
            server = _start(variable, folder, leashed=True, durable=durable)
            stack.callback(_stop, server)
            environment[variable] = server.url
        yield environment


@contextlib.contextmanager
def private(variable: str) -> Iterator[Server]:
    """One server of one's own, to be killed and launched again: what it has committed outlives that."""
    with _folder() as folder:
        server = _start(variable, folder, leashed=True, durable=True)
        try:
            yield server
        finally:
            _stop(server)


def start_detached(folder: Path) -> None:
    """Start both and leave them running; `stop_detached` with the same folder ends them."""
    folder.mkdir(mode=0o711)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        for variable in _PREPARE:
            server = _start(variable, folder, leashed=False)
            stack.callback(_stop, server)
            with (folder / "pids").open("a") as pids:
                pids.write(f"{server.process.pid} {server.stop_signal.name}\n")
            print(f"{variable}={server.url}")
        stack.pop_all()


def stop_detached(folder: Path) -> None:
    """End what `start_detached` started and remove the folder."""
    for line in (folder / "pids").read_text().splitlines():
        pid, signal_name = line.split()
        if _is_ours(pid, folder):
            os.kill(int(pid), signal.Signals[signal_name])
        while _is_ours(pid, folder):
            time.sleep(0.02)
    shutil.rmtree(folder)


def _is_ours(pid: str, folder: Path) -> bool:
    """Whether the process still runs, and is not a stranger who got its number."""
    try:
        return str(folder).encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("action", choices=["start", "stop"])
    parser.add_argument("--dir", type=Path, required=True)
    arguments = parser.parse_args()
    try:
        (start_detached if arguments.action == "start" else stop_detached)(arguments.dir.absolute())
    except (ServerError, OSError) as error:
        print(f"tests.support.servers: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
