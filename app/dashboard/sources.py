"""The page of sources, pending devices and dead letters: a frame of plain HTML that `assets/js/sources` fills from the API.

Theme and language are chosen before the first paint (`boot.js`); the same frame goes to everybody.
"""

from html import escape

from app.dashboard import texts
from app.dashboard.page import ASSETS
from app.serving import folder_version

TABS = ("sources", "devices", "letters")


def sources_page() -> str:
    """Full HTML in both languages, of which CSS hides one."""
    tabs = "\n        ".join(_TAB.format(name=name, words=_spans(f"sources.tab.{name}")) for name in TABS)
    panels = "\n      ".join(_PANEL.format(name=name) for name in TABS)
    return _PAGE.format(
        title=escape(texts.named("sources.title")),
        app=escape(texts.named("app.name")),
        assets=f"/assets/~{folder_version(ASSETS)}",
        heading=_spans("sources.title"),
        back=_spans("sources.back"),
        language=_spans("bar.language"),
        language_short=_spans("bar.language.short"),
        theme=_spans("bar.theme"),
        loading=_spans("lists.loading"),
        failed=_spans("app.failed"),
        retry=_spans("app.retry"),
        tabs=tabs,
        panels=panels,
    )


def _spans(key: str) -> str:
    words = texts.entry(key)
    return "".join(f'<span lang="{lang}">{escape(words[lang])}</span>' for lang in texts.LANGS)


_TAB = (
    '<button type="button" role="tab" id="sources-tab-{name}" data-tab="{name}" aria-controls="sources-panel-{name}">'
    '{words} <b class="tab-count"></b></button>'
)
_PANEL = '<section role="tabpanel" id="sources-panel-{name}" data-panel="{name}" aria-labelledby="sources-tab-{name}" hidden></section>'

_PAGE = """<!DOCTYPE html>
<html lang="zh-CN" data-lang="zh" data-theme="dark">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>{title} · {app}</title>
    <link rel="icon" type="image/svg+xml" href="/assets/icons/onemap.svg">
    <script src="{assets}/js/boot.js"></script>
    <script type="module" src="{assets}/js/sources/main.mjs"></script>
    <link rel="stylesheet" href="{assets}/css/tokens.css">
    <link rel="stylesheet" href="{assets}/css/base.css">
    <link rel="stylesheet" href="{assets}/css/sources.css">
  </head>
  <body class="sources">
    <header>
      <a class="icon-button words" href="/"><span class="emblem" aria-hidden="true"></span>{back}</a>
      <h1>{heading}</h1>
      <span class="who" data-who></span>
      <button type="button" class="icon-button words" data-press="language"><span aria-hidden="true">{language_short}</span><span class="tip">{language}</span></button>
      <button type="button" class="icon-button" data-press="theme"><span class="icon icon-theme"></span><span class="tip">{theme}</span></button>
    </header>
    <nav role="tablist" aria-label="{title}">
        {tabs}
    </nav>
    <main>
      <div id="cover" class="notice notice-loading" role="status">{loading}</div>
      {panels}
    </main>
    <div class="toasts" role="status" aria-live="polite" data-toasts></div>
    <template id="cover-failed">{failed}</template>
    <template id="cover-retry">{retry}</template>
  </body>
</html>
"""
