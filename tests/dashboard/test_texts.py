"""Words in one language or in both."""

from __future__ import annotations

from dash import html

from app.dashboard import texts


def tree() -> html.Div:
    named = html.P([*texts.pair({"zh": "雨", "en": "Rain"}), " · ", *texts.pair({"zh": "大", "en": "heavy"})])
    return html.Div([html.H2(texts.both("app.name"), id="title"), named, html.Span("人民大道", lang="zh"), None])


def test_the_words_of_the_other_language_are_left_out() -> None:
    for lang, rain in (("zh", ["雨", " · ", "大"]), ("en", ["Rain", " · ", "heavy"])):
        title, named, address, nothing = texts.in_one(lang, tree()).children
        assert title.children == texts.text("app.name", lang)
        assert named.children == rain
        assert nothing is None
        # said in one language alone: it stays, and says in which
        assert (address.children, address.lang) == ("人民大道", "zh")


def test_a_span_that_is_more_than_words_stays() -> None:
    both = [html.Span("雨", lang="zh", className="x"), html.Span("Rain", lang="en", className="x")]
    assert len(texts.in_one("zh", both)) == 2


def test_what_is_no_component_passes() -> None:
    assert texts.in_one("en", ["a", 1, None, []]) == ["a", 1, None, []]
