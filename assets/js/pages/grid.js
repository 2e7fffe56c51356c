// What the table kit needs in the browser: what stands in a cell (values that app/pages/tables makes), headings in both languages and
// what narrows the columns below them, columns that give way on narrow screens, and reading anew. A classic script: the grids look these
// up when they mount.
(() => {
  /** @typedef {{ as: string, look?: string, zh?: string, en?: string, text?: string, time?: string, state?: string, key?: string, on?: boolean, locked?: boolean, data?: object, label?: Part, parts?: Part[] }} Part */
  // of the grid, in pixels
  const NARROW = 560;
  const WIDE = 980;
  const TYPED_MS = 250;
  /** @param {...any} args */
  const h = (...args) => window.React.createElement(...args);
  /** @param {Partial<Bilingual>} text */
  const both = text => /** @type {Lang[]} */ (['zh', 'en']).map(lang => h('span', { lang, key: lang }, text[lang] || text.zh || text.en || ''));

  /** @type {Record<string, (part: Part, tell: (data: object | undefined) => void) => any>} */
  const looks = {
    words: part => both(part),
    plain: part => part.text,
    age: part => h('time', { dateTime: part.time, 'data-age': part.time }),
    moment: part => h('time', { dateTime: part.time, 'data-time': part.time }),
    lamp: part => [h('span', { className: 'lamp', key: 'lamp' }), h('span', { key: 'words' }, both(part))],
    line: (part, tell) => (part.parts ?? []).map((one, at) => draw(one, at, tell)),
    press: (part, tell) => draw(part.label ?? { as: 'plain' }, 0, tell),
  };

  /** @param {Part} part @param {number} at @param {(data: object | undefined) => void} tell */
  function draw(part, at, tell) {
    const inner = looks[part.as]?.(part, tell);
    const attributes = { key: at, className: `part ${part.as === 'lamp' ? 'state' : part.as} ${part.look ?? ''}` };
    if (part.as === 'press') return h('button', { ...attributes, type: 'button', 'data-key': part.key, onClick: () => tell(part.data) }, inner);
    if (part.as === 'switch') {
      const name = `${part.label?.zh ?? ''} ${part.label?.en ?? ''}`;
      return h('input', { ...attributes, type: 'checkbox', role: 'switch', checked: part.on, disabled: part.locked, 'data-key': part.key, 'aria-label': name, onChange: () => tell(part.data) });
    }
    return h(part.look === 'code' ? 'code' : 'span', { ...attributes, 'data-state': part.state, title: part.as === 'plain' ? part.text : null }, inner);
  }

  /** @returns {Lang} */
  const pageLang = () => document.documentElement.dataset.lang === 'en' ? 'en' : 'zh';

  /** The page's language, for what takes bare strings; whoever asks is drawn anew when it changes. */
  function useLang() {
    const { useEffect, useState } = window.React;
    const [lang, setLang] = useState(pageLang());
    useEffect(() => {
      const change = () => setLang(pageLang());
      window.addEventListener('onemap:lang', change);
      return () => window.removeEventListener('onemap:lang', change);
    }, []);
    return lang;
  }

  // `narrows` is the column's name: AG Grid's own filters, where it takes one for a moment, ask `column` for the column itself
  /** @typedef {{ name: Bilingual, short: Bilingual, all: Bilingual }} FilterWords */
  /** @typedef {{ model: { filter?: string } | null, onModelChange: (model: object | null) => void, words: FilterWords, narrows: string }} Filtering */
  const asModel = (/** @type {string} */ filter) => filter ? { filterType: 'text', type: 'contains', filter } : null;

  /** Words to look for in a column. They are sent once nothing more is typed. @param {Filtering} props */
  function Sought({ model, onModelChange, words, narrows }) {
    const { useEffect, useRef, useState } = window.React;
    const lang = useLang();
    const asked = model?.filter ?? '';
    const [typed, setTyped] = useState(asked);
    const waiting = useRef(0);
    useEffect(() => setTyped(asked), [asked]);
    const onChange = (/** @type {{ target: HTMLInputElement }} */ { target }) => {
      setTyped(target.value);
      clearTimeout(waiting.current);
      waiting.current = setTimeout(() => onModelChange(asModel(target.value.trim())), TYPED_MS);
    };
    return h('input', { type: 'search', className: 'narrow', value: typed, onChange, placeholder: words.short[lang], 'aria-label': words.name[lang], 'data-narrow': narrows });
  }

  /** One of what stands in a column. @param {Filtering & { choices: (Bilingual & { value: string })[] }} props */
  function Chosen({ model, onModelChange, words, choices, narrows }) {
    const lang = useLang();
    const onChange = (/** @type {{ target: HTMLSelectElement }} */ { target }) => onModelChange(asModel(target.value));
    const options = [h('option', { value: '', key: '' }, words.all[lang]), ...choices.map(one => h('option', { value: one.value, key: one.value }, one[lang]))];
    return h('select', { className: 'narrow', value: model?.filter ?? '', onChange, 'aria-label': words.name[lang], 'data-narrow': narrows }, options);
  }

  const cells = {
    /** @param {{ value?: Part[], setData: (data: object) => void }} params */
    Parts: ({ value, setData }) => {
      // the moment makes each use a change, also of the same button twice
      const tell = (/** @type {object | undefined} */ data) => setData({ ...data, at: Date.now() });
      return h('div', { className: 'cell' }, (value ?? []).map((part, at) => draw(part, at, tell)));
    },
    /** @param {{ words: Bilingual }} params */
    BothWords: ({ words }) => h('span', null, both(words)),
    /** @param {Filtering & { choices: (Bilingual & { value: string })[] }} props */
    Narrow: props => h(props.choices.length ? Chosen : Sought, props),
  };
  window.dashAgGridComponentFunctions = Object.assign(window.dashAgGridComponentFunctions || {}, cells);

  /** @param {{ api: any, clientWidth: number }} params */
  function fitRanks({ api, clientWidth }) {
    if (!clientWidth) return;
    const most = clientWidth < NARROW ? 1 : clientWidth < WIDE ? 2 : 3;
    for (const column of api.getColumns() ?? []) {
      const rank = column.getColDef().context?.rank;
      if (rank && column.isVisible() !== rank <= most) api.setColumnsVisible([column], rank <= most);
    }
  }
  window.dashAgGridFunctions = Object.assign(window.dashAgGridFunctions || {}, { fitRanks });

  // An answer that never comes (lost with its connection, or refused on its way) leaves a grid waiting: it asks for one block at a time.
  // It is answered with nothing, as the server answers what it cannot read (app/pages/tables/callbacks.py), and asks again.
  const ANSWER_MS = 10000;
  const ASK_AGAIN_MS = 300;
  const NOTHING = { rowData: [], rowCount: -1 };
  /** Since when each grid waits. @type {WeakMap<object, number>} */
  const waiting = new WeakMap();

  /** @param {string} id @param {Grid} api */
  function readAnew(id, api) {
    const waits = Object.values(api.getCacheBlockState() ?? {}).some(({ pageStatus }) => pageStatus !== 'loaded');
    const since = waits ? waiting.get(api) ?? Date.now() : Infinity;
    if (waits) waiting.set(api, since);
    else waiting.delete(api);
    if (Date.now() - since <= ANSWER_MS) return api.refreshInfiniteCache();
    waiting.delete(api);
    window.dash_clientside.set_props(id, { getRowsResponse: NOTHING });
    setTimeout(() => api.refreshInfiniteCache(), ASK_AGAIN_MS);
  }

  const tables = {
    /** Reads what is on the page once more; it stays there meanwhile. What waits for an answer for too long asks anew. */
    refresh: () => {
      if (document.hidden || document.documentElement.dataset.away) return;
      for (const { id } of document.querySelectorAll('.kit-grid[id]')) window.dash_ag_grid.getApiAsync(id).then(api => readAnew(id, api));
    },
    /** Other rows: from the top. @param {unknown} _ @param {string} id */
    restart: (_, id) => { window.dash_ag_grid.getApiAsync(id).then(api => api.purgeInfiniteCache()); },
  };
  Object.assign(window.dash_clientside, { tables });
})();
