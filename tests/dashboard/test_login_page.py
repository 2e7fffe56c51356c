"""The log-in page: plain HTML in either language, safe with whatever it is given."""

import pytest

from app.dashboard.login import local_path, login_page


@pytest.mark.parametrize(
    ("lang", "word", "html_lang"), [("zh", "登录", "zh-CN"), ("en", "Log in", "en"), ("fr", "登录", "zh-CN")]
)
def test_it_speaks_the_language_asked_for(lang: str, word: str, html_lang: str) -> None:
    page = login_page(lang, None, "/")
    assert f'<html lang="{html_lang}"' in page
    assert f'<button type="submit">{word}</button>' in page


def test_the_form_posts_username_password_and_next() -> None:
    page = login_page("en", None, "/?wall=1")
    assert '<form method="post" action="/login">' in page
    for name in ("username", "password"):
        assert f'<label for="{name}">' in page
        assert f'name="{name}"' in page
    assert 'name="next" value="/?wall=1"' in page


def test_an_error_is_shown_and_cannot_carry_markup() -> None:
    page = login_page("en", "<b>wrong</b>", "/")
    assert '<p class="error" role="alert">&lt;b&gt;wrong&lt;/b&gt;</p>' in page


@pytest.mark.parametrize("reason", ["wrong_password", "rate_limited", "busy", "too_large", "demo_account"])
def test_a_reason_is_said_in_words(reason: str) -> None:
    for lang in ("zh", "en"):
        assert f'role="alert">{reason}<' not in login_page(lang, reason, "/")
    assert "wrong" in login_page("en", "wrong_password", "/")


def test_next_cannot_break_out_of_its_attribute() -> None:
    assert '"><script>' not in login_page("en", None, '/"><script>alert(1)</script>')


@pytest.mark.parametrize(
    "path", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "", "/a\r\nb"]
)
def test_a_log_in_never_leads_to_another_site(path: str) -> None:
    assert local_path(path) == "/"


def test_it_needs_no_script_and_no_inline_style() -> None:
    page = login_page("zh", "错误", "/")
    assert "<script" not in page
    assert "style=" not in page
    assert "<style" not in page
