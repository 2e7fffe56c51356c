"""What was typed, taken apart: folded, as pinyin, as words with errors, as street and number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, text

from core.finding.addresses import Spoken, addresses_in
from core.finding.asked import ask
from core.finding.fold import fold, words_of
from core.finding.mistyped import distance, one_error
from core.finding.sounds import INITIALS, SYLLABLES, WAYS, by_initials, by_syllables, mixed

FOLDED = [
    ("Hämeentie 12-14 A", "hameentie 12 14 a"),
    ("  人民大道（北段）８８号 ", "人民大道 北段 88号"),
    ("WL_spare-01", "wl spare 01"),
    ("苏A·D1234", "苏a d1234"),
    ("%_\\'\"", ""),
    ("ＦＩＲＥ　站", "fire 站"),
    ("二〇〇一年々", "二〇〇一年々"),
    ("Çankaya Ñuñoa ﬁre", "cankaya nunoa fire"),
]


@pytest.mark.parametrize(("words", "wanted"), FOLDED)
def test_names_are_compared_without_case_accents_width_and_signs(words: str, wanted: str) -> None:
    assert fold(words) == wanted


def test_the_index_folds_as_we_do(conn: Connection) -> None:
    names = [words for words, _ in FOLDED] + list(
        conn.scalars(text("SELECT name_zh FROM street UNION SELECT name_en FROM facility UNION SELECT id FROM sensor"))
    )
    names += [chr(n) * 2 + "x" for n in (*range(1, 0x500), *range(0x2000, 0x3400, 3), *range(0xF900, 0xFFF0, 5))]
    told = conn.scalars(text("SELECT fold_name(w) FROM unnest(CAST(:names AS text[])) AS w"), {"names": names}).all()
    assert {name: there for name, there in zip(names, told, strict=True) if there != fold(name)} == {}


def test_characters_stand_alone_and_words_together() -> None:
    assert words_of("人民路 12号 gate a1") == ["人", "民", "路", "12", "号", "gate", "a1"]


def read(letters: str) -> list[str]:
    return [" ".join(piece.letters for piece in way) for way in by_syllables(letters)]


@pytest.mark.parametrize(
    ("letters", "wanted"),
    [
        ("renmindadao", "ren min da dao"),
        ("renmind", "ren min d"),
        ("xian", "xian"),
        ("xian", "xi an"),
        ("fangan", "fang an"),
        ("fangan", "fan gan"),
        ("zh", "zh"),
        ("lvse", "lv se"),
    ],
)
def test_letters_are_read_as_syllables_every_way_they_can_be(letters: str, wanted: str) -> None:
    assert wanted in read(letters)


@pytest.mark.parametrize("letters", ["fire", "road", "xx", "bvb", "u"])
def test_letters_that_are_no_syllables_are_no_pinyin(letters: str) -> None:
    assert read(letters) == []


def test_initials_and_syllables_mix() -> None:
    assert [piece.letters for piece in mixed("rmdadao") or ()] == ["r", "m", "da", "dao"]
    assert [piece.letters for piece in by_initials("rmdd") or ()] == list("rmdd")
    assert by_initials("r") is by_initials("iu") is by_initials("r" * (INITIALS.stop)) is None
    assert mixed("rmdd") is None


@given(st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=40))
def test_reading_letters_is_bounded_and_loses_none(letters: str) -> None:
    ways = by_syllables(letters)
    assert len(ways) <= WAYS
    for way in ways:
        assert "".join(piece.letters for piece in way) == letters
        assert all(piece.letters in SYLLABLES for piece in way[:-1])


def test_letters_that_can_be_read_in_very_many_ways_are_soon_read() -> None:
    assert len(by_syllables("anananananananananananananananananananan")) == WAYS


def test_every_reading_that_the_database_has_is_a_syllable(conn: Connection) -> None:
    told = set(conn.scalars(text("SELECT DISTINCT unnest(readings) FROM pinyin")))
    assert told == SYLLABLES


@pytest.mark.parametrize(
    ("char", "readings"),
    [
        ("重", {"zhong", "chong"}),
        ("行", {"xing", "hang"}),
        ("长", {"chang", "zhang"}),
        ("厦", {"xia", "sha"}),
        ("绿", {"lv", "lu"}),
    ],
)
def test_characters_have_their_common_readings(char: str, readings: set[str], conn: Connection) -> None:
    told = conn.scalar(text("SELECT readings FROM pinyin WHERE char = :char"), {"char": char})
    assert readings <= set(told)


@pytest.mark.parametrize(
    ("one", "other", "errors"),
    [
        ("road", "road", 0),
        ("raod", "road", 1),
        ("rod", "road", 1),
        ("roadd", "road", 1),
        ("rosd", "road", 1),
        ("zhnogshn", "zhongshan", 2),
    ],
)
def test_errors_are_counted_as_fingers_make_them(one: str, other: str, errors: int) -> None:
    assert distance(one, other) == distance(other, one) == errors
    assert (other in one_error(one)) is (errors <= 1 and one != other) or errors == 0


def test_one_error_is_all_that_is_one_error_away() -> None:
    assert all(distance("gate", word) <= 1 for word in one_error("gate"))


@given(st.text(max_size=400))
def test_any_text_can_be_asked_for(words: str) -> None:
    asked = ask(words)
    assert (asked is None) is (not fold(words[:200]).replace(" ", ""))
    list(addresses_in(words))


def test_any_text_is_a_question_that_the_database_reads(engine: Engine) -> None:
    with engine.connect() as conn:

        @given(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=60))
        def read(words: str) -> None:
            if (asked := ask(words)) is None:
                return
            for question in (asked.all, asked.is_, asked.begins, asked.said, asked.said_first, asked.short):
                conn.execute(text("SELECT CAST(:q AS tsquery)"), {"q": question})

        read()


@pytest.mark.parametrize(
    ("words", "street", "number"),
    [
        ("人民大道88号", "人民大道", "88"),
        ("人民大道８８号", "人民大道", "88"),
        ("高淳区人民大道 88-2号旁边有井盖缺失", "人民大道", "88-2"),
        ("在人民路12弄3号", "人民路", "12"),
        ("请到长江路300", "长江路", "300"),
        ("88 Renmin Road", "Renmin Road", "88"),
        ("near 88A Renmin East Road, opposite the school", "Renmin East Road", "88A"),
        ("Mannerheimintie 12 A 3", "Mannerheimintie", "12"),
        ("Käärmetie 5b, Helsinki", "Käärmetie", "5b"),
    ],
)
def test_streets_and_numbers_are_found_in_what_people_say(words: str, street: str, number: str) -> None:
    assert Spoken(street, number) in list(addresses_in(words))


@pytest.mark.parametrize("words", ["人民大道", "第三小学", "88", "", "路88号", "wl-01", "1 2 3"])
def test_what_names_no_street_and_number_is_no_address(words: str) -> None:
    assert list(addresses_in(words)) == []
