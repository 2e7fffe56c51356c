// Runs before the first paint: theme and language as last chosen, and doors through which Dash's clientside callbacks reach the
// modules, which load later. A classic script: a module would run after the first paint.
(() => {
  const root = document.documentElement;
  const self = /** @type {HTMLScriptElement} */ (document.currentScript);

  // The policy lets in style elements with this answer's nonce only; the components' scripts (Dash, Mantine, AG Grid) make theirs
  // without one. Markup that somebody smuggles in does not come by this way.
  const { nonce } = self;
  const make = Document.prototype.createElement;
  /** @param {any[]} given */
  Document.prototype.createElement = function createElement(...given) {
    const made = make.apply(this, /** @type {[string]} */ (given));
    if (made instanceof HTMLStyleElement) made.nonce = nonce;
    return made;
  };

  /** @param {string} name */
  const saved = name => { try { return localStorage.getItem(`onemap.${name}`); } catch { return null; } };
  const lang = saved('lang') || (navigator.language.startsWith('en') ? 'en' : 'zh');
  root.dataset.theme = saved('theme') === 'light' ? 'light' : 'dark';
  root.dataset.lang = lang;
  root.lang = lang === 'zh' ? 'zh-CN' : 'en';

  try {
    for (const [side, width] of Object.entries(JSON.parse(saved('widths') ?? '{}'))) root.style.setProperty(`--${side}`, `${width}px`);
  } catch { /* nothing usable was kept: the panels have the width of the design */ }

  // The font in parts is declared from the first (the map reads the rules), and used once the city's own files are there: for
  // characters that those have not. A text that waits would fetch both. Of two that have a character the later is taken: the city's
  // sheet, which the parser comes to after this.
  const parts = (root.dataset.fonts ?? '').split(' ').map(href => Object.assign(document.createElement('link'), { rel: 'stylesheet', href, media: 'not all', className: 'font-parts' }));
  document.head.append(...parts);
  document.addEventListener('DOMContentLoaded', async () => {
    await Promise.allSettled([400, 600].map(weight => document.fonts.load(`${weight} 1em 'Noto Sans SC'`, '\u4e00')));
    for (const part of parts) part.media = 'all';
  });

  // A script that does not load leaves a word and a way to try again, not an endless wait.
  /** @param {string} id */
  const copyOf = id => /** @type {HTMLTemplateElement} */ (document.getElementById(id)).content.cloneNode(true);
  addEventListener('error', ({ target }) => {
    const cover = document.getElementById('cover');
    if (!(target instanceof HTMLScriptElement) || !cover) return;
    const again = document.createElement('button');
    again.className = 'action';
    again.append(copyOf('cover-retry'));
    again.addEventListener('click', () => location.reload());
    cover.replaceChildren(copyOf('cover-failed'), again);
  }, true);

  // The same address as in the page's script element, hence the same module: its parts are made once.
  const main = new URL('main.mjs', self.src).href;
  /** @param {string} name @returns {(...values: unknown[]) => Promise<unknown>} */
  const later = name => async (...values) => {
    const { page } = await import(main);
    return (await page)[name](...values);
  };
  const doors = { show_layers: later('showLayers'), fade_layers: later('fadeLayers'), draw_chart: later('drawChart'), card_drawn: later('cardDrawn') };
  window.dash_clientside = Object.assign({}, window.dash_clientside, { onemap: doors });
})();
