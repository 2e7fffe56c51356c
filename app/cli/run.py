"""Verbs that run something: up, serve, ingest, alerts, dispatch, doors, simulate, migrate, test."""

from __future__ import annotations

import argparse
import contextlib
from typing import Any

from app.cli.context import find_system, run_outside
from app.services.packages import checkout
from core.log import setup_log
from core.settings import load_settings

CITIES = ("demo", "helsinki", "none")
# bytes of a message that a browser sends over a socket
MESSAGE_AT_MOST = 64_000


def add_verbs(verbs: Any) -> None:
    up_ = verbs.add_parser(
        "up", help="everything on this machine: database, broker, demo city, all processes; Ctrl-C stops it"
    )
    up_.add_argument("--port", type=int, default=None, help="port of the page (0: any free one; default 8050)")
    up_.add_argument("--city", choices=CITIES, default="demo", help="the city to begin with (default demo)")
    up_.add_argument("--no-devices", action="store_true", help="do not start the simulated devices")
    up_.add_argument("--fresh", action="store_true", help="begin anew: empty the database first")
    up_.add_argument(
        "--tls", action="store_true", help="HTTPS and MQTTS, with a local authority and a certificate made here"
    )
    up_.set_defaults(run=up)
    for name, work, words in (
        ("serve", serve, "the page, the API, tiles, feeds and push"),
        ("ingest", ingest, "one ingester: from MQTT into PostGIS"),
        ("alerts", alerts, "one alert engine: rules, risk, feeds, deliveries"),
        ("dispatch", dispatch, "one dispatcher: reports to incidents, replies to milestones, coverage"),
        ("doors", doors, "beside the broker: keeps its accounts and rights as the database says"),
        ("migrate", migrate_, "bring the database's tables up to date"),
    ):
        verbs.add_parser(name, help=words).set_defaults(run=work)
    # every word after it is that of the devices, also one that looks like an option
    sim = verbs.add_parser(
        "simulate",
        help="the simulated devices of the demo city (they speak MQTT like real ones)",
        prefix_chars="\0",
        add_help=False,
    )
    sim.add_argument("rest", nargs=argparse.REMAINDER, help="options of demo.devices, see --help there")
    sim.set_defaults(run=simulate)
    # every word after it is pytest's, also one that looks like an option
    test_ = verbs.add_parser(
        "test", help="all checks and tests, on a cluster and brokers of their own", prefix_chars="\0", add_help=False
    )
    test_.add_argument("rest", nargs=argparse.REMAINDER, help="given: only pytest, with these arguments")
    test_.set_defaults(run=test)


def up(options: argparse.Namespace) -> int:
    from app.services.up import Up, UpOptions
    from core.process import stop_on_signal

    setup_log("up", "warning")
    stop = stop_on_signal()
    chosen = UpOptions(options.port, options.city, not options.no_devices, options.fresh, options.tls)
    Up(load_settings(), chosen).run(stop)
    return 0


def serve(_: argparse.Namespace) -> int:
    import uvicorn

    from app.front.connections import bounds_of, guarded, make_room
    from app.front.headers import standing_headers
    from app.main import make_app
    from app.shown import LOOK_S, Shown

    settings = load_settings()
    setup_log("serve", settings.log_level)
    shown = Shown(*files) if (files := settings.tls_files()) else None
    bounds = bounds_of(settings)
    make_room(bounds.connections)
    config = uvicorn.Config(
        make_app(settings),
        host=settings.http_host,
        port=settings.http_port,
        log_level="warning",
        access_log=False,
        loop="app.front.connections:Loop",
        http=guarded(bounds),
        headers=standing_headers(settings),
        server_header=False,
        forwarded_allow_ips=bounds.proxies.listed,
        ws_ping_interval=20,
        ws_max_size=MESSAGE_AT_MOST,
        ssl_context_factory=shown.make_context if shown else None,
        callback_notify=shown.look if shown else None,
        timeout_notify=LOOK_S,
    )
    server = uvicorn.Server(config)
    with contextlib.suppress(KeyboardInterrupt):
        server.run()
    return 0 if server.started else 1


def ingest(_: argparse.Namespace) -> int:
    from ingest import runner

    settings = load_settings()
    setup_log("ingest", settings.log_level)
    runner.run(settings)
    return 0


def alerts(_: argparse.Namespace) -> int:
    from alerts import runner

    settings = load_settings()
    setup_log("alerts", settings.log_level)
    runner.run(settings)
    return 0


def dispatch(_: argparse.Namespace) -> int:
    from dispatch import runner

    settings = load_settings()
    setup_log("dispatch", settings.log_level)
    runner.run(settings)
    return 0


def doors(_: argparse.Namespace) -> int:
    from ingest.doors import keeper

    settings = load_settings()
    setup_log("doors", settings.log_level)
    keeper.run(settings, settings.need_broker_folder())
    return 0


def migrate_(_: argparse.Namespace) -> int:
    from core.clock import utc_now
    from core.db import make_engine
    from core.migrate import migrate
    from core.seed import seed

    settings = find_system()
    migrate(settings)
    engine = make_engine(settings, pool_size=1, name="onemap migrate")
    with engine.begin() as conn:
        seed(conn, utc_now())
    engine.dispose()
    print("the database is up to date")
    return 0


def simulate(options: argparse.Namespace) -> int:
    settings = load_settings() if load_settings().mqtt_url else find_system()
    package = checkout() / settings.state_dir / "city" / "demo"
    return run_outside("demo.devices", ["--city", str(package), *options.rest], settings)


def test(options: argparse.Namespace) -> int:
    from app.services.checks import run_checks

    return run_checks(options.rest)
