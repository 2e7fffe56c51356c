"""What is wrong with a CAP message: each rule alone, several at once, and nothing of what is right."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from capvalidator import check_schema
from lxml import etree

from app.cli import main
from core.cap import NS
from core.cap_check import CHILDREN, VALUES, check, has_errors
from core.vocabulary import table

INFO = """<info><language>{language}</language><category>Met</category><event>Rain</event>
<responseType>Prepare</responseType><urgency>Immediate</urgency><severity>Extreme</severity>
<certainty>Observed</certainty><eventCode><valueName>SAME</valueName><value>FFW</value></eventCode>
<effective>2026-05-04T08:00:00+08:00</effective><onset>2026-05-04T08:30:00+08:00</onset>
<expires>2026-05-04T20:00:00+08:00</expires><senderName>Weather centre</senderName>
<headline>Red warning of rain</headline>
<description>More than 100 mm in 3 h</description><instruction>Stay inside</instruction>
<web>https://example.org/1</web><contact>12345</contact>
<parameter><valueName>level</valueName><value>I</value></parameter>
<resource><resourceDesc>radar</resourceDesc><mimeType>image/png</mimeType><size>3</size>
<derefUri>YWJj</derefUri><digest>a9993e364706816aba3e25717850c26c9cd0d89d</digest></resource>
<area><areaDesc>City</areaDesc><polygon>31.0,119.0 31.1,119.0 31.1,119.1 31.0,119.1 31.0,119.0</polygon>
<circle>31.0,119.0 5</circle><geocode><valueName>GB/T 2260</valueName><value>321302</value></geocode>
<altitude>10</altitude><ceiling>20</ceiling></area></info>"""
RIGHT = f"""<alert xmlns="{NS}"><identifier>a-1</identifier><sender>met@example.org</sender>
<sent>2026-05-04T08:00:00+08:00</sent><status>Actual</status><msgType>Update</msgType><source>desk</source>
<scope>Public</scope><code>x</code><references>met@example.org,a-0,2026-05-04T07:00:00+08:00</references>
<incidents>i-1</incidents>{INFO.format(language="zh-CN")}{INFO.format(language="en-US")}</alert>"""
LONG = "31.0,119.0 " + " ".join(f"{31 + n / 1000:.4f},{119 + n * n / 1e6:.6f}" for n in range(1, 110)) + " 31.0,119.0"

# what is changed in the right one, into what, the rule that says it, and the path it names
WRONG: list[tuple[str, str, str, str]] = [
    ("</alert>", "", "xml", "/"),
    ("<alert ", "<!DOCTYPE alert><alert ", "doctype", "/"),
    (NS, "urn:oasis:names:tc:emergency:cap:1.1", "root", "/"),
    ("<sender>met@example.org</sender>", "", "missing", "alert"),
    ("<code>x</code>", "<colour>x</colour>", "unknown", "alert/colour"),
    ("<event>Rain</event>", "<event>Rain<b>!</b></event>", "unknown", "alert/info[1]/event/b"),
    ("<status>Actual</status><msgType>Update</msgType>", "<msgType>Update</msgType><status>Actual</status>", "order",
     "alert/status"),
    ("<source>desk</source>", "<source>a</source><source>b</source>", "too_often", "alert/source[2]"),
    ("<source>desk</source>", "<source> </source>", "empty", "alert/source"),
    ("<status>Actual</status>", "<status>actual</status>", "value", "alert/status"),
    ("<category>Met</category>", "<category>Weather</category>", "value", "alert/info[1]/category"),
    ("2026-05-04T08:00:00+08:00</sent>", "2026-05-04T00:00:00Z</sent>", "time", "alert/sent"),
    ("2026-05-04T08:00:00+08:00</sent>", "2026-05-04T08:00:00.5+08:00</sent>", "time", "alert/sent"),
    ("2026-05-04T08:00:00+08:00</sent>", "2026-13-04T08:00:00+08:00</sent>", "time", "alert/sent"),
    ("<identifier>a-1", "<identifier>a 1", "name_signs", "alert/identifier"),
    ("<sender>met@example.org", "<sender>met,1", "name_signs", "alert/sender"),
    ("<scope>Public</scope>", "<scope>Restricted</scope>", "restriction_missing", "alert"),
    ("<scope>Public</scope>", "<scope>Public</scope><restriction>x</restriction>", "restriction_extra",
     "alert/restriction"),
    ("<scope>Public</scope>", "<scope>Private</scope>", "addresses_missing", "alert"),
    ("<references>met@example.org,a-0,2026-05-04T07:00:00+08:00</references>", "", "references_missing", "alert"),
    ("a-0,2026-05-04T07:00:00+08:00", "a-0", "references_form", "alert/references"),
    ("a-0,2026-05-04T07", "a-1,2026-05-04T07", "references_itself", "alert/references"),
    ("a-0,2026-05-04T07", "a-0,2026-05-04T09", "references_later", "alert/references"),
    ("<status>Actual</status>", "<status>Exercise</status>", "note_missing", "alert/status"),
    ("<language>zh-CN", "<language>中文", "language", "alert/info[1]/language"),
    ("<severity>Extreme", "<severity>Severe", "language_differs", "alert/info[2]"),
    ("2026-05-04T20:00:00", "2026-05-04T07:59:00", "expired", "alert/info[1]/expires"),
    ("<expires>2026-05-04T20:00:00+08:00</expires>", "", "expires_missing", "alert/info[1]"),
    ("<headline>Red warning of rain</headline>", "", "headline_missing", "alert/info[1]"),
    ("Red warning of rain", "x" * 161, "headline_long", "alert/info[1]/headline"),
    ("More than 100 mm", "More than &lt;b&gt;100&lt;/b&gt; mm", "markup", "alert/info[1]/description"),
    ("Stay inside", "Stay &amp;nbsp; inside", "markup", "alert/info[1]/instruction"),
    ("<msgType>Update", "<msgType>Cancel", "cancel_urgent", "alert/info[1]/urgency"),
    ("31.0,119.1 31.0,119.0<", "31.0,119.1<", "polygon_open", "alert/info[1]/area/polygon"),
    ("31.0,119.0 31.1,119.0 31.1", "31.0 119.0 31.1,119.0 31.1", "polygon_form", "alert/info[1]/area/polygon"),
    ("31.1,119.0 31.1,119.1", "119.0,31.1 31.1,119.1", "polygon_range", "alert/info[1]/area/polygon"),
    ("31.1,119.0 31.1,119.1 31.0,119.1", "31.1,119.0", "polygon_few", "alert/info[1]/area/polygon"),
    ("31.1,119.0 31.1,119.1", "31.1,119.1 31.1,119.0", "polygon_crossed", "alert/info[1]/area/polygon"),
    ("31.0,119.0 31.1,119.0 31.1,119.1 31.0,119.1 31.0,119.0", LONG, "polygon_long", "alert/info[1]/area/polygon"),
    ("31.0,119.0 5", "31.0,119.0", "circle_form", "alert/info[1]/area/circle"),
    ("31.0,119.0 5", "31.0,119.0 -5", "circle_form", "alert/info[1]/area/circle"),
    ("31.0,119.0 5", "131.0,19.0 5", "polygon_range", "alert/info[1]/area/circle"),
    ("<altitude>10</altitude>", "", "ceiling", "alert/info[1]/area/ceiling"),
    ("<altitude>10", "<altitude>ten", "number", "alert/info[1]/area/altitude"),
    ("<value>321302", "<value>3213", "geocode_china", "alert/info[1]/area/geocode"),
    ("image/png", "picture", "mime", "alert/info[1]/resource/mimeType"),
    (">a9993e364706816aba3e25717850c26c9cd0d89d", ">abc", "digest", "alert/info[1]/resource/digest"),
    (">a9993e36", ">b9993e36", "digest_differs", "alert/info[1]/resource"),
    ("<size>3", "<size>4", "size_differs", "alert/info[1]/resource/size"),
]  # fmt: skip


def rules(body: str) -> list[tuple[str, str]]:
    return [(one["rule"], one["path"]) for one in check(body.encode())]


def test_nothing_is_wrong_with_what_is_right() -> None:
    assert check(RIGHT.encode()) == []
    assert check_schema(RIGHT.encode()).passed


@pytest.mark.parametrize(("before", "after", "rule", "path"), WRONG, ids=[f"{w[2]}-{n}" for n, w in enumerate(WRONG)])
def test_each_fault_is_said_at_its_place(before: str, after: str, rule: str, path: str) -> None:
    assert before in RIGHT
    # in both languages alike, where it is not about what differs between them
    alike = {"language_differs", "language"}
    wrong = RIGHT.replace(before, after, 1 if rule in alike else -1)
    found = rules(wrong)
    assert (rule, path) in found, found
    assert {name for name, _ in found} == {rule}, found


def test_areas_are_asked_for() -> None:
    begin, end = RIGHT.index("<area>"), RIGHT.index("</area>") + len("</area>")
    assert ("area_missing", "alert/info[1]") in rules(RIGHT.replace(RIGHT[begin:end], ""))
    nowhere = RIGHT.replace(RIGHT[begin:end], "<area><areaDesc>x</areaDesc></area>")
    assert ("area_nowhere", "alert/info[1]/area") in rules(nowhere)
    head = RIGHT[: RIGHT.index("<info>")]
    assert rules(f"{head}</alert>") == [("info_missing", "alert")]


def test_every_rule_is_tried() -> None:
    tried = {rule for _, _, rule, _ in WRONG} | {"area_missing", "area_nowhere", "info_missing"}
    assert tried == set(table("cap_rules"))


def test_all_that_is_wrong_is_said_at_once_in_the_order_of_the_lines() -> None:
    wrong = RIGHT
    for before, after, rule, _ in WRONG:
        if rule in ("time", "note_missing", "expired", "polygon_open", "geocode_china"):
            wrong = wrong.replace(before, after)
    found = check(wrong.encode())
    assert {one["rule"] for one in found} >= {"time", "expired", "polygon_open", "geocode_china"}
    assert [one["line"] for one in found] == sorted(one["line"] for one in found)
    assert has_errors(found)


def elements(name: str) -> list[tuple[str, str]]:
    return [(name, child) for child in CHILDREN[name]]


@pytest.mark.parametrize(("parent", "child"), [pair for name in CHILDREN for pair in elements(name)])
def test_whatever_the_schema_refuses_is_an_error_here(parent: str, child: str) -> None:
    """Each element taken away, doubled, put last, emptied and given a value that is none."""
    for change in ("take", "double", "last", "value"):
        root = etree.fromstring(RIGHT.encode())
        node = root.find(f".//{{{NS}}}{parent}/{{{NS}}}{child}") if parent != "alert" else root.find(f"{{{NS}}}{child}")
        if node is None:
            continue
        above = node.getparent()
        assert above is not None
        if change == "take":
            above.remove(node)
        elif change == "double":
            above.insert(above.index(node), etree.fromstring(etree.tostring(node)))
        elif change == "last":
            above.append(node)
        elif child in VALUES:
            node.text = "None of them"
        body = etree.tostring(root)
        if not check_schema(body).passed:
            assert has_errors(check(body)), change


def test_entities_are_not_read() -> None:
    bomb = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]>' + RIGHT.replace("Rain", "&x;")
    assert [one["rule"] for one in check(bomb.encode())] == ["doctype"]


def test_command_says_it_and_ends_with_one_where_there_are_errors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.xml"
    file.write_text(RIGHT, "utf-8")
    assert main(["cap", "check", str(file)]) == 0
    assert "nothing is wrong" in capsys.readouterr().out
    file.write_text(RIGHT.replace("<status>Actual</status>", "<status>actual</status>"), "utf-8")
    assert main(["cap", "check", str(file), "--lang", "zh"]) == 1
    assert "alert/status" in capsys.readouterr().out
    assert main(["cap", "check", str(file), "--json"]) == 1
    [found] = json.loads(capsys.readouterr().out)["items"]
    assert (found["rule"], found["grade"]) == ("value", "error")
    assert "actual" in found["words"]["zh"]
