"""`./onemap up`: everything on this machine, from nothing to a page that answers."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import Engine

from app.auth import is_loopback
from app.services import cities, packages, pause
from app.services.account import (
    OURSELVES,
    account_of_processes,
    compile_sources,
    give,
    keep_private,
    service_account,
    service_folder,
)
from app.services.certificates import Certificates, find_certificates
from app.services.ending import end_leftovers, hold, is_running, read_facts, signal_if_running
from app.services.logins import Logins, keep_logins, make_accounts
from app.services.logs import Logs
from app.services.mosquitto import Broker, Doors, forget_sessions, launch_broker, make_broker, wait_for_broker
from app.services.net import free_port, reached_at
from app.services.postgres import (
    Cluster,
    drop_database,
    ensure_database,
    kill_cluster,
    launch_cluster,
    make_cluster,
    wait_for_cluster,
)
from app.services.probe import BrokerQuestion, DatabaseQuestion, Probe, Question
from app.services.supervisor import Outsider, Service, Supervisor
from app.services.vendor import install_vendor
from core.clock import utc_now
from core.db import make_engine
from core.errors import SetupError
from core.migrate import migrate
from core.seed import seed
from core.settings import Settings
from layers.place import read_city

DATABASES = {"demo": "onemap", "helsinki": "onemap_helsinki", "none": "onemap_empty"}
READY_S = 120.0
SERVERS = ("postgres", "mosquitto")
OURS = ("serve", "ingest", "alerts", "dispatch")
# beside a broker of our own
DOORS = "doors"
BACKUP = "backup"
DEVICES = "devices"


@dataclass(frozen=True, slots=True)
class UpOptions:
    port: int | None
    city: str
    devices: bool
    fresh: bool
    tls: bool = False


def print_line(words: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {words}", flush=True)


class Up:
    """One run of `up`, step by step."""

    def __init__(self, settings: Settings, options: UpOptions, say: Callable[[str], None] = print_line) -> None:
        self.root = packages.checkout()
        self.settings = settings
        self.options = options
        self.say = say
        self.state = settings.state_dir if settings.state_dir.is_absolute() else self.root / settings.state_dir
        self.log_folder = self.state / "log"
        self.run_file = self.state / "run.json"
        self.run_as = service_account()
        # who our own processes run as
        self.ours = OURSELVES
        self.cluster: Cluster | None = None
        self.broker: Broker | None = None
        self.gateway_url = ""
        self.certificates = Certificates(settings, None)

    def run(self, stop: threading.Event) -> None:
        """Bring everything up, watch over it until `stop`, take everything down."""
        self.state.mkdir(parents=True, exist_ok=True)
        # held until we are gone, kill -9 included
        lock = hold(self.state / "up.lock", runs_already(self.run_file))
        supervisor: Supervisor | None = None
        again = False
        try:
            self._prepare_machine()
            self._take_over()
            self._prepare_tls()
            supervisor = self._make_supervisor()
            self.say = supervisor.say
            self._start_services(supervisor)
            self._prepare_database()
            logins = self._logins()
            self._start_processes(supervisor, logins)
            self._announce(supervisor, logins, stop)
            while not stop.wait(0.5):
                supervisor.watch_once()
                self.certificates.watch(self.say)
                if pause.is_wanted(self.state):
                    self._step_aside(supervisor, stop)
                    again = not stop.is_set()
                    break
        finally:
            self.say("stopping")
            if supervisor is not None:
                supervisor.stop()
                supervisor.stop_services()
            self.say("stopped; the data is kept, ./onemap up brings it back")
            if supervisor is not None:
                supervisor.close_logs()
            lock.close()
        if again:
            begin_anew()

    def _step_aside(self, supervisor: Supervisor, stop: threading.Event) -> None:
        """Somebody restores a backup: our processes rest until they have ended, the servers go on."""
        self.say("a restore asks for quiet: the processes stop")
        supervisor.stop_children()
        supervisor.facts[pause.PAUSED] = True
        supervisor.write_run_file()
        while pause.is_wanted(self.state) and not stop.wait(pause.LOOK_S):
            supervisor.watch_once()
        self.say("starting anew")

    def _prepare_machine(self) -> None:
        needs = []
        if not self.settings.database_url:
            needs.append(packages.POSTGIS)
        if not self.settings.mqtt_url:
            needs.append(packages.MOSQUITTO)
        packages.install_missing(needs, self.say)
        install_vendor(self.root, self.say)
        if self.run_as.uid is not None:
            compile_sources(self.root)

    def _take_over(self) -> None:
        """Close the state folder to others, end what a killed run has left in it, settle who our processes are."""
        keep_private(self.state, self.run_as)
        self.log_folder.mkdir(exist_ok=True)
        end_leftovers(self.run_file, ("app.cli", str(self.folder())), self.say)
        self.ours, why = account_of_processes(self.root, self.state, self.settings.pictures_url, self.run_as)
        if why:
            self.say(f"the processes run as root: {why}")

    def folder(self) -> Path:
        """What the services keep."""
        return service_folder(self.state, self.run_as)

    def _prepare_tls(self) -> None:
        """With certificates of one's own both doors have them; else, if asked, those of a local authority."""
        self.certificates = find_certificates(self.settings, self.state, wanted=self.options.tls)
        self.settings = self.certificates.settings
        if self.ours is not OURSELVES:
            self.certificates.share(self.folder() / "page", self.ours)
        for words in self.certificates.keep():
            self.say(words)

    def _make_supervisor(self) -> Supervisor:
        logs = Logs(
            self.log_folder, self.settings.log_mb * 1_000_000, (*SERVERS, *OURS, DOORS, DEVICES, BACKUP), self.root
        )
        return Supervisor(self.run_file, logs, self.say, hung_s=self.settings.hung_s)

    # --- PostgreSQL and Mosquitto -----------------------------------------------------------------------------------

    def _start_services(self, supervisor: Supervisor) -> None:
        run_as, folder = self.run_as, self.folder()
        ports = self._read_ports()
        if not self.settings.database_url:
            self.say("starting the database")
            self.cluster = make_cluster(folder, run_as, ports.get("postgres", 0))
            self._run_cluster(self.cluster, supervisor)
        if not self.settings.mqtt_url:
            self.say("starting the broker")
            mine, theirs = ports.get("mosquitto", 0), self._device_port(ports)
            doors = Doors(self.settings.device_host, self.settings.tls_files())
            self.broker = make_broker(folder, run_as, mine, theirs, self.settings.topic_prefix, doors=doors)
            if self.options.fresh:
                forget_sessions(self.broker)
            elif mine and mine != self.broker.port:
                self.say(
                    f"port {mine} of the broker is taken; using {self.broker.port}. What devices send before the "
                    "ingester is there is not kept this once"
                )
            self._run_broker(self.broker, supervisor)
        self._write_ports()
        self._settle_urls()
        if not self.cluster:
            supervisor.outsiders.append(
                Outsider("the database", self._probe(DatabaseQuestion(self.settings.database_url)))
            )
        if not self.broker:
            question = BrokerQuestion(self.settings.mqtt_url, self.settings.mqtt_ca)
            supervisor.outsiders.append(Outsider("the broker", self._probe(question)))

    def _run_cluster(self, cluster: Cluster, supervisor: Supervisor) -> None:
        logs = supervisor.logs

        def launch() -> int:
            return launch_cluster(cluster, logs.pipe("postgres"))

        pid = launch()
        service = Service(
            "postgres",
            start=launch,
            alive=is_running,
            # a fast shutdown: ends sessions, checkpoints, leaves the data whole
            end=lambda pid: signal_if_running(pid, signal.SIGINT),
            kill=lambda pid: kill_cluster(cluster, pid),
            probe=self._probe(DatabaseQuestion(cluster.admin_url("postgres"))),
            pid=pid,
        )
        supervisor.services.append(service)
        wait_for_cluster(cluster, pid, logs.path("postgres"))

    def _run_broker(self, broker: Broker, supervisor: Supervisor) -> None:
        logs = supervisor.logs

        def launch() -> int:
            return launch_broker(broker, logs.pipe("mosquitto"))

        pid = launch()
        service = Service(
            "mosquitto",
            start=launch,
            alive=is_running,
            end=lambda pid: signal_if_running(pid, signal.SIGTERM),
            kill=lambda pid: signal_if_running(pid, signal.SIGKILL),
            probe=self._probe(BrokerQuestion(broker.url())),
            pid=pid,
        )
        supervisor.services.append(service)
        wait_for_broker(broker, pid, logs.path("mosquitto"))

    def _probe(self, question: Question) -> Probe:
        return Probe(question, self.settings.hung_s).start()

    def _read_ports(self) -> dict[str, int]:
        path = self.state / "ports.json"
        ports: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
        return ports

    def _device_port(self, ports: dict[str, int]) -> int:
        """Where devices come to us from elsewhere, the port that they are told; else that of last time."""
        told = urlsplit(self.settings.device_url).port or 0
        if not told or is_loopback(self.settings.device_host):
            return ports.get("devices", 0)
        port = free_port(told, self.settings.device_host)
        if port != told:
            self.say(f"port {told} for devices is taken; using {port}")
        return port

    def _device_url(self, broker: Broker) -> str:
        """What devices are told."""
        return self.settings.device_url or broker.device_url(socket.gethostname())

    def _write_ports(self) -> None:
        """The same ports next time, where they are free: devices keep their address."""
        ports = {name: part.port for name, part in (("postgres", self.cluster), ("mosquitto", self.broker)) if part}
        if self.broker:
            ports["devices"] = self.broker.device_port
        (self.state / "ports.json").write_text(json.dumps(ports))

    def _settle_urls(self) -> None:
        """Make the addresses known to this process and to those we start."""
        database = DATABASES[self.options.city]
        if self.cluster:
            if self.options.fresh:
                self.say("a fresh start: the database is emptied")
                drop_database(self.cluster, database)
            ensure_database(self.cluster, database)
        elif self.options.fresh:
            raise SetupError(
                "--fresh empties only the database that up itself runs; ONEMAP_DATABASE_URL is set", reason="not_ours"
            )
        database_url = self.cluster.url(database) if self.cluster else self.settings.database_url
        migrator = self.cluster.admin_url(database) if self.cluster else self.settings.migrate_database_url
        mqtt_url = self.broker.url() if self.broker else self.settings.mqtt_url
        self.gateway_url = self.broker.url("gateway") if self.broker else mqtt_url
        found = {"database_url": database_url, "migrate_database_url": migrator, "mqtt_url": mqtt_url}
        self.settings = self.settings.model_copy(update=found)

    # --- the database -------------------------------------------------------------------------------------------------

    def _prepare_database(self) -> None:
        self.say("bringing the tables up to date")
        migrate(self.settings)
        engine = make_engine(self.settings, pool_size=1, name="onemap up")
        try:
            with engine.begin() as conn:
                seed(conn, utc_now())
                loaded = read_city(conn)["center"] is not None
            if not loaded:
                self._load_city(engine)
        finally:
            engine.dispose()

    def _load_city(self, engine: Engine) -> None:
        cities.load(self.options.city, engine, self.root, self.package(), self.say)

    def package(self) -> Path:
        return self.state / "city" / self.options.city

    def _logins(self) -> Logins:
        logins = keep_logins(self.state / "logins.json")
        engine = make_engine(self.settings, pool_size=1, name="onemap up")
        with engine.begin() as conn:
            make_accounts(conn, logins, utc_now(), anew=self.options.fresh)
        engine.dispose()
        return logins

    # --- our processes ------------------------------------------------------------------------------------------------

    def _start_processes(self, supervisor: Supervisor, logins: Logins) -> None:
        asked = self.options.port if self.options.port is not None else self.settings.http_port
        host = self.settings.http_host
        port = free_port(asked, host)
        if asked and port != asked:
            self.say(f"port {asked} is taken; using {port}")
        scheme = "https" if self.settings.tls_files() else "http"
        facts: dict[str, object] = {
            "http": f"{scheme}://{reached_at(host)}:{port}",
            "mqtt_url": self.gateway_url,
            "database_url": self.settings.database_url,
            "logins": logins,
        }
        if self.settings.tls_files():
            facts["tls"] = self.certificates.facts()
        devices = self.options.devices and self.options.city == "demo"
        if devices:
            # where a restored backup has brought the city, its package was never built
            cities.build_demo(self.root, self.package(), self.say)
        if self.ours is not OURSELVES:
            give(self.state, self.ours)
        environment = {
            **os.environ,
            "ONEMAP_STATE_DIR": str(self.state.resolve()),
            # only who migrates knows it
            "ONEMAP_MIGRATE_DATABASE_URL": "",
            "ONEMAP_DATABASE_URL": self.settings.database_url,
            "ONEMAP_MQTT_URL": self.settings.mqtt_url,
            "ONEMAP_HTTP_PORT": str(port),
            "PYTHONUNBUFFERED": "1",
            **{f"ONEMAP_TLS_{name.upper()}": path for name, path in self.certificates.shared().items()},
        }
        if self.ours is not OURSELVES:
            environment["HOME"] = str(self.folder())
        names = [*OURS]
        if self.broker:
            environment["ONEMAP_BROKER_FOLDER"] = str(self.broker.folder)
            environment["ONEMAP_DEVICE_URL"] = self._device_url(self.broker)
            names.append(DOORS)
        supervisor.facts = facts
        self.say("starting ingest, alerts, dispatch and the page")
        for name in names:
            supervisor.add(name, [sys.executable, "-m", "app.cli", name], environment, self.root, self.ours)
        if devices:
            environment = {**environment, "ONEMAP_MQTT_URL": self.gateway_url}
            supervisor.add(DEVICES, [sys.executable, "-m", "app.cli", "simulate"], environment, self.root, self.ours)
        if self.settings.backup_folder:
            self._start_backup(supervisor, environment, self.settings.backup_folder)
        supervisor.write_run_file()

    def _start_backup(self, supervisor: Supervisor, environment: dict[str, str], folder: Path) -> None:
        """As whoever started us and with the migrator's address: it reads all there is."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        settings = self.settings
        words = [BACKUP, str(folder.resolve()), "--every", settings.backup_every, "--keep", str(settings.backup_keep)]
        for recipient in settings.backup_recipient.split(","):
            words += ["--recipient", recipient.strip()] if recipient.strip() else []
        if settings.backup_passphrase_file:
            words += ["--passphrase-file", str(settings.backup_passphrase_file.resolve())]
        address = {"ONEMAP_MIGRATE_DATABASE_URL": settings.migrate_database_url}
        supervisor.add(BACKUP, [sys.executable, "-m", "app.cli", *words], {**environment, **address}, self.root)

    def _seen_from_elsewhere(self, address: str) -> str:
        """The page's address for people at other machines."""
        if self.settings.public_url:
            return self.settings.public_url.rstrip("/")
        parts = urlsplit(address)
        return f"{parts.scheme}://{reached_at(self.settings.http_host, socket.gethostname())}:{parts.port}"

    def _announce(self, supervisor: Supervisor, logins: Logins, stop: threading.Event) -> None:
        address = str(supervisor.facts["http"])
        deadline = time.monotonic() + READY_S
        trust = self.certificates.trust()
        while not answers(f"{address}/readyz", trust) or not answers(f"{address}/login", trust):
            supervisor.watch_once()
            if stop.wait(0.2):
                return
            if time.monotonic() > deadline:
                raise SetupError(
                    f"the page does not answer at {address}; see {self.log_folder / 'serve.log'}", reason="not_up"
                )
        print(f"\n  OneMap 一张图 is up:  {address}\n", flush=True)
        for role, login in logins.items():
            print(f"    {role:<11} {login['username']:<16} {login['password']}", flush=True)
        devices = f"\n  Devices  {self._device_url(self.broker)}   (./onemap devices add NAME)" if self.broker else ""
        tls = self.certificates.told(self._seen_from_elsewhere(address))
        if "commander" in logins:
            who = logins["commander"]["username"]
            print(f"\n  First: open {address}, log in as {who}, press the first row of the list.")
        print(
            f"\n  MQTT     {self.gateway_url}{devices}{tls}\n  Logs     {self.log_folder}\n"
            "  Ctrl-C stops everything and keeps the data.\n",
            flush=True,
        )


def begin_anew() -> None:
    """Become another run of the same `up`: ports, logins, certificates and broker accounts may be others now. What is
    fresh is not emptied again."""
    words = [word for word in sys.argv[1:] if word != "--fresh"]
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "app.cli", *words])  # noqa: S606


def answers(url: str, trust: ssl.SSLContext | None = None) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2, context=trust) as answer:  # noqa: S310 - our own address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def runs_already(run_file: Path) -> str:
    """What a second `up` says."""
    address = read_facts(run_file).get("http")
    return (
        f"OneMap runs already at {address} (its facts are in {run_file})"
        if address
        else "OneMap is being started already"
    )
