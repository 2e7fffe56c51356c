"""GB/T 28181 notifications (MANSCDP XML, annex A.2.5 of the 2016 edition) and what becomes of them on our topics. Pure.

Times are Beijing time without an offset. Documents say GB2312 and mean GB18030 as often as not; nothing is ever taken
from entities or DTDs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone

from lxml import etree

from core.clock import rfc3339
from core.errors import DecodeError, InputError
from core.types import LonLat
from ingest.decoders.moments import mend_leap
from ingest.gateways.publisher import Publication

BEIJING = timezone(timedelta(hours=8))
CHANNEL = "gb28181"
VIDEO = "5"
DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
ENCODING = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9_-]{1,40})["']""")
DEVICE = re.compile("[0-9]{20}")
UTF8 = ("utf-8", "utf8")
# AlarmMethod, and AlarmMethod/AlarmType as the 2016 and 2022 editions list them: word in Chinese, our kind
METHODS = {
    "1": "电话报警",
    "2": "设备报警",
    "3": "短信报警",
    "4": "卫星定位报警",
    "5": "视频报警",
    "6": "设备故障报警",
    "7": "其他报警",
}
TYPES = {
    "2/1": "视频丢失",
    "2/2": "设备防拆",
    "2/3": "存储设备磁盘满",
    "2/4": "设备高温",
    "2/5": "设备低温",
    "5/1": "人工视频报警",
    "5/2": "运动目标检测",
    "5/3": "遗留物检测",
    "5/4": "物体移除检测",
    "5/5": "绊线检测",
    "5/6": "入侵检测",
    "5/7": "逆行检测",
    "5/8": "徘徊检测",
    "5/9": "流量统计",
    "5/10": "密度检测",
    "5/11": "视频异常检测",
    "5/12": "快速移动",
    "5/13": "图像遮挡",
    "6/1": "存储设备磁盘故障",
    "6/2": "存储设备风扇故障",
}
# of a video event any word will do; of an incident one of incident_kinds. A city may say otherwise (`--kinds`)
KINDS = {
    "1": "other",
    "2": "other",
    "3": "other",
    "4": "other",
    "5": "alarm",
    "6": "other",
    "7": "other",
    "5/1": "manual",
    "5/2": "motion",
    "5/3": "left_object",
    "5/4": "removed_object",
    "5/5": "tripwire",
    "5/6": "intrusion",
    "5/7": "wrong_way",
    "5/8": "loitering",
    "5/9": "traffic_count",
    "5/10": "crowd",
    "5/11": "video_abnormal",
    "5/12": "fast_moving",
    "5/13": "occlusion",
}


def read_note(body: bytes) -> etree._Element:
    """The document's root. Raises DecodeError for what is no XML, too much of it, or has a document type."""
    text = DECLARATION.sub("", _decode(body))
    if "<!DOCTYPE" in text.upper():
        raise DecodeError("body: a notification has no document type declaration", field="body")
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_pis=True,
        remove_comments=True,
    )
    try:
        return etree.fromstring(text.encode(), parser)
    except (etree.XMLSyntaxError, ValueError) as exc:
        raise DecodeError(f"body: expected MANSCDP XML: {str(exc)[:200]}", field="body") from exc


def _decode(body: bytes) -> str:
    """By the declaration, but what is no UTF-8 is taken for GB18030; a text cut within a character loses that
    character."""
    found = ENCODING.match(body)
    name = found[1].decode().lower() if found else UTF8[0]
    if name not in UTF8 and not name.startswith("gb"):
        raise DecodeError(f"body: expected UTF-8 or GB2312, got {name}", field="body")
    if name in UTF8:
        try:
            return body.decode("utf-8-sig")
        except UnicodeDecodeError:
            pass
    return body.decode("gb18030", "replace")


def text_of(root: etree._Element, name: str) -> str:
    """The text of that child (`Info/AlarmType`: of its child), empty where there is none. Platforms write `info` and
    `deviceID` as well: capitals do not count."""
    found = [root]
    for part in name.lower().split("/"):
        found = [child for node in found for child in node if isinstance(child.tag, str) and child.tag.lower() == part]
    return next((text for node in found if (text := (node.text or "").strip())), "")


def command(root: etree._Element) -> tuple[str, str]:
    """What kind of document it is, and of what command: ("Notify", "Alarm")."""
    return str(root.tag), text_of(root, "CmdType")


def read_device(root: etree._Element) -> str:
    value = text_of(root, "DeviceID")
    if not DEVICE.fullmatch(value):
        raise DecodeError(f"DeviceID: expected 20 digits, got {value[:40]!r}", field="DeviceID")
    return value


def read_time(root: etree._Element, name: str) -> datetime:
    """UTC. A time without an offset is Beijing's."""
    value = text_of(root, name)
    try:
        moment = datetime.fromisoformat(mend_leap(value.encode()).decode())
        local = moment if moment.tzinfo else moment.replace(tzinfo=BEIJING)
        return local.astimezone(UTC)
    except (ValueError, OverflowError) as exc:
        raise DecodeError(f"{name}: expected a time like 2026-05-04T08:00:00, got {value[:40]!r}", field=name) from exc


def read_number(root: etree._Element, name: str) -> float:
    value = text_of(root, name)
    try:
        number = float(value)
    except ValueError as exc:
        raise DecodeError(f"{name}: expected a number, got {value[:40]!r}", field=name) from exc
    if not math.isfinite(number):
        raise DecodeError(f"{name}: expected a finite number, got {value[:40]!r}", field=name)
    return number


def read_position(root: etree._Element) -> LonLat:
    try:
        return LonLat(read_number(root, "Longitude"), read_number(root, "Latitude"))
    except InputError as exc:
        raise DecodeError(exc.message, field=exc.field) from exc


def read_choice(root: etree._Element, name: str, most: int) -> str:
    """A whole number of 1 to `most`, as its digits."""
    value = text_of(root, name).lstrip("0")
    if not re.fullmatch("[0-9]{1,3}", value) or int(value) > most:
        raise DecodeError(f"{name}: expected 1 to {most}, got {text_of(root, name)[:40]!r}", field=name)
    return value


def publish_mobile_position(root: etree._Element, ids: Mapping[str, str], prefix: str) -> Publication:
    """A MobilePosition notification; its speed is in km/h, ours in m/s."""
    device = read_device(root)
    position = read_position(root)
    body: dict[str, object] = {"time": rfc3339(read_time(root, "Time")), "lon": position.lon, "lat": position.lat}
    if text_of(root, "Speed") and 0 <= (speed := round(read_number(root, "Speed") / 3.6, 2)) <= 300:
        body["speed"] = speed
    if text_of(root, "Direction") and 0 <= (heading := read_number(root, "Direction")) <= 360:
        body["heading"] = heading
    return Publication(f"{prefix}/position/{ids.get(device, device)}", body)


def publish_alarm(root: etree._Element, ids: Mapping[str, str], kinds: Mapping[str, str], prefix: str) -> Publication:
    """An Alarm notification: a video event where a camera saw it (AlarmMethod 5), a report of an incident otherwise.

    The id is made of device, time, method and type, so that an alarm sent again is a repeat.
    """
    device = read_device(root)
    time = read_time(root, "AlarmTime")
    method = read_choice(root, "AlarmMethod", 7)
    # its priority may be missing: the kind of incident has a level of its own
    level = int(read_choice(root, "AlarmPriority", 4)) if text_of(root, "AlarmPriority") else None
    alarm_type = _alarm_type(root)
    name = f"{method}/{alarm_type}" if alarm_type else method
    name_id = f"{device}-{time:%Y%m%d%H%M%S}-{name.replace('/', '.')}"
    kind = kinds.get(name) or kinds[method]
    body: dict[str, object] = {"id": name_id, "time": rfc3339(time), "kind": kind, **_alarm_position(root)}
    if method == VIDEO:
        return Publication(f"{prefix}/video/{ids.get(device, device)}/event", body)
    words = METHODS[method] + (f": {TYPES[name]}" if name in TYPES else "")
    body |= {"title": f"{words} {ids.get(device, device)}", "channel": CHANNEL, "reporter": device}
    if level is not None:
        body["level"] = level
    if description := text_of(root, "AlarmDescription"):
        body["text"] = description[:10_000]
    return Publication(f"{prefix}/incident", body)


def _alarm_type(root: etree._Element) -> str:
    """Info/AlarmType as the editions put it, AlarmType as some devices do; empty where it is no number."""
    value = (text_of(root, "Info/AlarmType") or text_of(root, "AlarmType")).lstrip("0")
    return value if re.fullmatch("[0-9]{1,3}", value) else ""


def _alarm_position(root: etree._Element) -> dict[str, float]:
    """Empty without a usable one: an alarm is not lost for the sake of its position, and 0, 0 is how devices say
    unknown."""
    try:
        position = read_position(root)
    except DecodeError:
        return {}
    return {} if (position.lon, position.lat) == (0, 0) else {"lon": position.lon, "lat": position.lat}


def alarm_response(device: str, number: str) -> bytes:
    """The document that tells a source its alarm was taken (section 9.4 of the 2016 edition)."""
    root = etree.Element("Response")
    for name, value in (("CmdType", "Alarm"), ("SN", number[:40]), ("DeviceID", device), ("Result", "OK")):
        etree.SubElement(root, name).text = value
    body: bytes = etree.tostring(root, xml_declaration=True, encoding="GB2312")
    return body
