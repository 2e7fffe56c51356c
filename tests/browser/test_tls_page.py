"""The One Map page over TLS in a real browser that believes nothing but our own certificate."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Browser

from app.services.authority import Authority
from app.services.mosquitto import Broker
from app.services.names import sort_names
from app.services.packages import find_chromium
from core.settings import Settings
from core.tls import read_certificate
from tests.browser.conftest import FLAGS
from tests.browser.desk import DRAWN, LONG_MS, Desk
from tests.support import LOGS, PASSWORD, System, now

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("tls"))
    made.keep("vm", sort_names(["127.0.0.1"]), now())
    return made


@pytest.fixture(scope="module")
def secured(own_settings: Settings, broker: Broker, authority: Authority) -> Iterator[System]:
    """A page with certificates of one's own, without `up`."""
    files = {"tls_cert": authority.server_certificate, "tls_key": authority.server_key}
    settings = own_settings.model_copy(update=files)
    with System(settings, broker, LOGS / "test_tls_page", passed=tuple(files)) as system:
        yield system.start("serve")


@pytest.fixture(scope="module")
def desk(browser: Browser, secured: System, authority: Authority) -> Iterator[Desk]:
    """Chromium has a flag for one key that it shall believe; to all others it stays as strict as ever."""
    key = read_certificate(authority.server_certificate).public_key()
    digest = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    believed = f"--ignore-certificate-errors-spki-list={base64.b64encode(digest).decode()}"
    chromium = browser.browser_type.launch(executable_path=find_chromium(), args=["--headless=new", *FLAGS, believed])
    yield Desk(chromium.new_page())
    chromium.close()


def test_log_in_and_live_channel_over_tls(desk: Desk, secured: System) -> None:
    page = desk.page
    answer = page.goto(f"{secured.http}/?test=1")
    assert answer is not None
    # a certificate of one's own is for good: no browser that was here comes back without TLS
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    page.fill("[name=username]", "dispatcher")
    page.fill("[name=password]", PASSWORD)
    page.click("[type=submit]")
    page.wait_for_selector(DRAWN, state="attached", timeout=LONG_MS)
    [cookie] = page.context.cookies()
    assert cookie["name"] == "__Host-onemap_session"
    assert cookie["secure"]
    assert cookie["httpOnly"]
    assert desk.ask("() => isSecureContext")
    assert desk.complaints == []


def test_certificate_that_only_we_know_is_not_given_away(secured: System) -> None:
    with secured.api("viewer") as client:
        assert client.get("/ca.crt").status_code == 404
