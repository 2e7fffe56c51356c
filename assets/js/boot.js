// Runs before the first paint: theme and language as last chosen, and doors through which Dash's
// clientside callbacks reach the modules, which load later.
(function () {
  const root = document.documentElement;
  const saved = name => { try { return localStorage.getItem(`onemap.${name}`); } catch { return null; } };
  const lang = saved('lang') || (navigator.language.startsWith('en') ? 'en' : 'zh');
  root.dataset.theme = saved('theme') === 'light' ? 'light' : 'dark';
  root.dataset.lang = lang;
  root.lang = lang === 'zh' ? 'zh-CN' : 'en';

  try {
    for (const [side, width] of Object.entries(JSON.parse(saved('widths')) || {})) root.style.setProperty(`--${side}`, `${width}px`);
  } catch { /* nothing usable was kept: the panels have the width of the design */ }

  // Asked for before any module is there; api.mjs takes the answers.
  const asked = new Map(['/api/me', '/api/city', '/api/vocabulary', '/api/catalogue', '/api/layers'].map(url => {
    const answer = fetch(url, { headers: { accept: 'application/json' } });
    answer.catch(() => {});
    return [url, answer];
  }));

  let open;
  const ready = new Promise(resolve => { open = resolve; });
  window.onemap = { asked, ready, open, langChosen: Boolean(saved('lang')), vocabulary: {} };

  // A script that does not load leaves a word and a way to try again, not an endless wait.
  addEventListener('error', ({ target }) => {
    const cover = document.getElementById('cover');
    if (target.tagName !== 'SCRIPT' || !cover) return;
    const again = document.createElement('button');
    again.className = 'action';
    again.append(document.getElementById('cover-retry').content.cloneNode(true));
    again.addEventListener('click', () => location.reload());
    cover.replaceChildren(document.getElementById('cover-failed').content.cloneNode(true), again);
  }, true);

  const later = name => (...values) => ready.then(page => page[name](...values));
  const doors = { show_layers: later('showLayers'), fade_layers: later('fadeLayers'), draw_chart: later('drawChart') };
  window.dash_clientside = Object.assign({}, window.dash_clientside, { onemap: doors });
})();
