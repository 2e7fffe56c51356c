"""All settings, from environment variables `ONEMAP_*`. `.env.example` lists each one and is tested against this
class."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.errors import SetupError


class Settings(BaseSettings):
    """One object for a process; made at its start by `load_settings`, never at import."""

    # set to nothing is not set: `.env.example` copied as it is means the defaults
    model_config = SettingsConfigDict(env_prefix="ONEMAP_", env_ignore_empty=True, extra="ignore")

    database_url: str = Field(
        "", description="postgresql://user:password@host:port/name; empty: `up` runs a private cluster"
    )
    migrate_database_url: str = Field(
        "",
        description="the same database as who owns its tables or is a superuser, for migrate and restore; "
        "empty: database_url",
    )
    database_direct_url: str = Field(
        "", description="for LISTEN and advisory locks where database_url goes through a pooler"
    )
    mqtt_url: str = Field("", description="mqtt://user:password@host:port; empty: `up` runs a private broker")
    mqtt_ca: Path | None = Field(
        None, description="authority (PEM) that has signed the certificate of an mqtts:// broker; empty: the system's"
    )
    broker_folder: Path | None = Field(
        None,
        description="folder of the broker's passwd and acl, where `doors` keeps them; empty: others manage the broker",
    )
    device_host: str = Field("127.0.0.1", description="address on which the broker of `up` listens for devices")
    device_url: str = Field(
        "", description="mqtt:// or mqtts:// address that devices are told, without user and password"
    )
    http_host: str = Field("127.0.0.1", description="address the page is served on")
    http_port: int = Field(8050, ge=0, le=65535, description="port of the page; 0 takes a free one")
    public_url: str = Field("", description="address people use, where a proxy stands in front; checked as Origin")
    allowed_hosts: str = Field(
        "",
        description="further names the page may be addressed by, commas between; *.example.org for all below, * for "
        "any. This machine's names and addresses, and those of public_url and tls_names, are known",
    )
    proxies: str = Field(
        "127.0.0.1,::1",
        description="addresses and networks of reverse proxies, commas between: their X-Forwarded-For and -Proto are "
        "believed, and connections_per_address is not for them",
    )
    connections: int = Field(800, ge=10, description="connections to the page at once")
    connections_per_address: int = Field(200, ge=5, description="connections from one address at once")
    header_timeout_s: float = Field(10, gt=0, description="until the head of a request must be there, s")
    body_timeout_s: float = Field(60, gt=0, description="until its body must be there, s")
    import_space_mb: int = Field(
        8192, ge=16, description="bytes of all files together that are brought for layers and kept meanwhile, MiB"
    )
    statement_timeout_s: float = Field(
        30, gt=0, description="how long the database may work on one statement of a request, s"
    )
    tls_cert: Path | None = Field(
        None,
        description="certificate of one's own with its chain (PEM), for the page and the devices' listener; "
        "empty: plain, or what `up --tls` makes",
    )
    tls_key: Path | None = Field(None, description="the key of tls_cert (PEM, without a passphrase)")
    tls_authority: Path | None = Field(
        None,
        description="certificate (PEM) of an authority that browsers do not know by themselves, given away at /ca.crt; "
        "`up --tls` sets it",
    )
    tls_names: str = Field(
        "", description="further names and addresses for the certificate that `up --tls` makes, commas between"
    )
    topic_prefix: str = Field(
        "onemap", pattern=r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$", description="first part of our MQTT topics"
    )
    ingest_slots: int = Field(
        64, ge=1, le=127, description="how many ingesters may run at once (client ids come from these slots)"
    )
    ingest_batch: int = Field(5000, ge=1, description="readings in one write at most")
    ingest_waiting: int = Field(
        10_000, ge=100, description="readings that may wait before the socket is no longer read"
    )
    ingest_shared_group: str = Field("", description="MQTT 5 shared subscription group; empty for a single ingester")
    session_expiry_s: int = Field(
        7 * 86_400, ge=60, description="how long the broker keeps our queue while we are away"
    )
    flood_rate: float = Field(
        1000,
        ge=0,
        description="messages a second, kept up for a minute, at which one account or topic is held back; 0: no bound",
    )
    flood_names: int = Field(
        500, ge=0, description="new sensors an hour at which one account or source is held back; 0: no bound"
    )
    engine_partitions: int = Field(1, ge=1, le=256, description="shards of the alert engine (hash of the sensor)")
    h3_resolution: int = Field(8, ge=5, le=10, description="size of the risk cells (H3 resolution)")
    retention_days: int = Field(
        90, ge=1, description="days of raw observations that are kept (fewer where a metric has keep_days)"
    )
    hourly_retention_days: int = Field(
        3650, ge=1, description="days of hourly history that are kept (others where a metric has keep_hourly_days)"
    )
    letter_retention_days: int = Field(
        180, ge=1, description="days that dead letters are kept after they were replayed or discarded"
    )
    pictures_url: str = Field(
        "",
        description="where snapshots lie: s3://bucket/folder (AWS_* variables), file:///folder; "
        "empty: pictures/ in state_dir",
    )
    city_fonts: bool = Field(
        True, description="cut the page's font to this city's characters as `serve` starts: some seconds of one core"
    )
    warm_tiles: bool = Field(
        True, description="make the tiles of the city at zooms 9 to 13 before anybody asks, after `serve` has started"
    )
    snapshot_hosts: str = Field(
        "",
        description="hosts that snapshot addresses of video events may be fetched from: name or name:port, "
        "commas between",
    )
    picture_retention_days: int = Field(30, ge=1, description="days that snapshots are kept")
    cap_sender: str = Field(
        "onemap@localhost.invalid",
        pattern=r"^[^\s,<&]+$",
        description="sender of our CAP alerts (CAP 1.2: no spaces, commas, < or &)",
    )
    cap_status: Literal["Actual", "Exercise", "Test"] = Field(
        "Exercise", description="status of our CAP alerts; a simulated city is always Exercise"
    )
    send_hosts: str = Field(
        "",
        description="where subscriptions may send beside the open internet: names, name:port and networks "
        "(10.0.0.0/8), commas between",
    )
    smtp_url: str = Field(
        "",
        pattern=r"^$|^smtps?://\S+$",
        description="server that mail is handed in to: smtp://user:password@host:587 (STARTTLS; plain on this machine "
        "only) or smtps://host:465",
    )
    mail_from: str = Field(
        "onemap@localhost.invalid", pattern=r"^[^\s,<>]+@[^\s,<>]+$", description="whom mail comes from"
    )
    tak_cert: Path | None = Field(None, description="certificate (PEM) that TAK servers know us by, with its chain")
    tak_key: Path | None = Field(None, description="the key of tak_cert (PEM, without a passphrase)")
    tak_authority: Path | None = Field(None, description="certificate (PEM) of the authority of TAK servers")
    session_hours: int = Field(12, ge=1, description="how long a log-in lasts")
    phone_session_days: int = Field(30, ge=1, le=366, description="how long a unit's phone stays logged in, days")
    idle_minutes: int = Field(0, ge=0, description="log out after so many idle minutes; 0 never (a watch desk)")
    login_failures: int = Field(5, ge=1, description="failed log-ins of an account from one address before it waits")
    login_lock_s: int = Field(300, ge=1, description="longest wait, s; it begins with 5 and doubles with each failure")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="how much the logs say")
    log_mb: int = Field(
        20, ge=1, description="size of a log at which `up` begins a new one (three old ones are kept), MB"
    )
    hung_s: int = Field(
        30,
        ge=5,
        description="seconds without a sign of life (a process) or an answer (database, broker) before `up` ends and "
        "restarts it",
    )
    backup_folder: Path | None = Field(
        None, description="folder that `up` writes backups to, by the clock; empty: none are made"
    )
    backup_every: str = Field("1d", pattern=r"^\d+[mhd]$", description="how often: 30m, 6h, 1d")
    backup_keep: int = Field(14, ge=1, description="how many newest backups stay")
    backup_recipient: str = Field(
        "", description="age recipient (age1...) that backups are encrypted to; several with commas between"
    )
    backup_passphrase_file: Path | None = Field(
        None, description="file with the passphrase that backups are encrypted with, where there is no recipient"
    )
    hotspots_hours: int = Field(
        24,
        ge=0,
        le=24 * 366,
        description="hours after which the layer of expected incidents is made anew; 0 never",
    )
    chromium: str = Field("", description="browser for the browser tests, where it is not found on PATH")
    state_dir: Path = Field(Path(".onemap"), description="where `up` keeps its data, relative to the checkout")

    def need_database(self) -> str:
        if not self.database_url:
            raise SetupError(
                "ONEMAP_DATABASE_URL is not set: give postgresql://user:password@host:port/name, or use ./onemap up",
                field="ONEMAP_DATABASE_URL",
            )
        return self.database_url

    def need_migrator(self) -> str:
        """The URL of who may change tables."""
        return self.migrate_database_url or self.need_database()

    def need_broker_folder(self) -> Path:
        if not self.broker_folder:
            raise SetupError(
                "ONEMAP_BROKER_FOLDER is not set: give the folder where the broker's passwd and acl lie, or use "
                "./onemap up",
                field="ONEMAP_BROKER_FOLDER",
            )
        return Path(self.broker_folder)

    def tls_files(self) -> tuple[Path, Path] | None:
        """Certificate and key of the page and the devices' listener; None where both are plain."""
        if self.tls_cert and self.tls_key:
            return self.tls_cert, self.tls_key
        if self.tls_cert or self.tls_key:
            lacking = "ONEMAP_TLS_KEY" if self.tls_cert else "ONEMAP_TLS_CERT"
            raise SetupError(f"{lacking} is not set: a certificate and its key go together", field=lacking)
        return None

    def need_mqtt(self) -> str:
        if not self.mqtt_url:
            raise SetupError(
                "ONEMAP_MQTT_URL is not set: give mqtt://user:password@host:port, or use ./onemap up",
                field="ONEMAP_MQTT_URL",
            )
        return self.mqtt_url


@cache
def load_settings() -> Settings:
    """The settings of this process. An unusable value is a SetupError that names the variable."""
    from pydantic import ValidationError

    try:
        return Settings()
    except ValidationError as exc:
        first = exc.errors()[0]
        name = "ONEMAP_" + str(first["loc"][0]).upper()
        raise SetupError(f"{name}: {first['msg']}, got {first.get('input')!r}", field=name) from exc
