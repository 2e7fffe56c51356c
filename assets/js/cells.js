// Renderers of the list rows for AG Grid (React, loaded with Dash). A classic script: the grids look them up when they mount, before
// any module runs. What they draw with comes as the grid's context (lists.mjs).
(() => {
  /** @typedef {{ me: Me, vocabulary: Record<string, Texts>, catalogue: Texts }} Context */
  /** @param {...any} args */
  const h = (...args) => window.React.createElement(...args);
  /** @param {Partial<Bilingual> | null | undefined} text */
  const words = text => /** @type {Lang[]} */ (['zh', 'en']).map(lang => h('span', { lang, key: lang }, (text && (text[lang] || text.zh || text.en)) || ''));
  /** @param {Context} context @param {string} table @param {string} key */
  const named = ({ vocabulary }, table, key) => words(vocabulary[table]?.[key] ?? { zh: key, en: key });
  const roman = ['', 'I', 'II', 'III', 'IV'];

  /** @param {Level | null} level */
  const badge = level => h('span', { className: `level level-${level || 'none'}`, key: 'level' }, h('span', null, roman[level ?? 0]));
  /** What the list is ordered by; none where it is not counted yet. @param {{ risk?: Risk | null }} thing @param {Context} context */
  const score = ({ risk }, { catalogue }) => h('b', { className: 'row-score', key: 'score' },
    risk ? [h('span', { className: 'spoken', key: 'of' }, words(catalogue['card.risk']), ' '), risk.score.toFixed(1)] : '');
  /** @param {string | null} time */
  const age = time => h('time', { className: 'age', dateTime: time, 'data-age': time, key: 'age' });
  /** @param {Context} context @param {string} table @param {string} state */
  const chip = (context, table, state) => h('span', { className: 'chip', 'data-state': state, key: 'chip' }, named(context, table, state));
  /** @param {Partial<Bilingual> | null} text */
  const title = text => h('span', { className: 'row-title', key: 'title' }, words(text));
  /** @param {unknown} children */
  const side = children => h('span', { className: 'row-side', key: 'side' }, children);
  /** @param {string | null} text */
  const unitOf = text => (text && !/^(%$|°)/.test(text) ? ` ${text}` : text || '');
  /** A value with the decimals of its metric. @param {Context} context @param {number | null} value @param {Alarm} alarm */
  const reading = ({ vocabulary }, value, { metric, unit }) => {
    if (value == null) return '';
    const decimals = /** @type {{ decimals?: number } | undefined} */ (vocabulary.metrics?.[metric ?? ''])?.decimals;
    return `${decimals == null ? +value.toFixed(2) : value.toFixed(decimals)}${unitOf(unit)}`;
  };
  /** @type {Record<string, string>} */
  const ARROWS = { rising: '↑', falling: '↓', steady: '→' };
  /** @param {Judged | null} now @param {Context} context */
  const trend = (now, context) => now?.trend && h('span', { className: 'trend', key: 'trend', 'data-trend': now.trend },
    h('span', { 'aria-hidden': 'true' }, ARROWS[now.trend]), h('span', { className: 'spoken' }, words(context.catalogue[`trend.${now.trend}`])));

  /** @param {AlarmRow} alarm @param {Context} context */
  function acknowledge(alarm, context) {
    const mayAct = context.me.permissions.includes('alarm.acknowledge');
    if (!mayAct || !alarm.waiting) return chip(context, 'alarm_states', alarm.state);
    return button(context, 'lists.acknowledge', `/api/alarms/${alarm.id}/acknowledge`, 'acknowledge');
  }

  /** @param {string} text @param {Record<string, unknown>} fields */
  const filled = (text, fields) => text.replace(/\{(\w+)\}/g, (whole, name) => String(fields[name] ?? whole));
  /** What a line says: its family, how many of how many things, how bad; one of level I names its first. @param {LineRow} line @param {Context} context */
  function said(line, { vocabulary, catalogue }) {
    const key = line.worst !== 1 ? 'lists.line' : line.grave === line.count ? 'lists.line.grave' : 'lists.line.grave.more';
    return Object.fromEntries(/** @type {Lang[]} */ (['zh', 'en']).map(lang => {
      const level = vocabulary.levels?.[line.worst]?.[lang] ?? '';
      return [lang, filled(catalogue[key]?.[lang] ?? '', {
        family: vocabulary.alarm_families?.[line.family]?.[lang] ?? line.family, count: line.count, things: line.things, grave: line.grave, rest: line.count - line.grave,
        level: level.charAt(0).toLowerCase() + level.slice(1), name: line.leading[lang] ?? line.leading.zh,
      })];
    }));
  }

  /** All that an open line shows, by a second press; of a closed one nothing. @param {LineRow} line @param {Context} context */
  function acknowledgeShown(line, context) {
    if (!line.waits.length) return null;
    if (!line.open || !context.me.permissions.includes('alarm.acknowledge')) {
      if (line.waits.length === line.count) return chip(context, 'alarm_states', 'unacknowledged');
      return h('span', { className: 'chip', 'data-state': 'unacknowledged', key: 'chip' }, [...words(context.catalogue['lists.line.waits']), ` ${line.waits.length}`]);
    }
    return h('button', {
      type: 'button', className: 'row-button', key: 'act', tabIndex: -1, 'data-testid': 'acknowledge-line', 'data-method': 'POST',
      'data-url': '/api/alarms/acknowledge', 'data-body': JSON.stringify({ ids: line.waits }), 'data-confirm': '1',
    }, [...words(context.catalogue['lists.line.acknowledge']), ` ${line.waits.length}`]);
  }

  /** @param {LineRow} line @param {Context} context */
  const lineRow = (line, context) => h('div', {
    className: 'row line-row', 'data-line': line.line, 'data-state': line.state, 'data-count': line.count, 'aria-expanded': String(line.open), role: 'button',
  }, [badge(line.worst), h('span', { className: 'caret', key: 'caret', 'aria-hidden': 'true' }, line.open ? '▾' : '▸'), title(said(line, context)),
    acknowledgeShown(line, context)]);

  /** What is damped, follows from another or was called not useful says so. @param {AlarmRow} alarm @param {Context} context */
  const mark = ({ chattering_since: chatters, muted, useful }, context) => {
    const is = chatters ? 'chattering' : muted ? 'muted' : useful === false ? 'not_useful' : null;
    return is && h('span', { className: 'chip mark', key: 'mark', 'data-mark': is }, words(context.catalogue[`lists.${is}`]));
  };

  /** A button that makes one call of the API (actions.mjs). @param {Context} context @param {string} key @param {string} url @param {string} testid */
  function button(context, key, url, testid) {
    const call = { 'data-method': 'POST', 'data-url': url, 'data-body': '{}' };
    return h('button', { type: 'button', className: 'row-button', key: 'act', tabIndex: -1, 'data-testid': testid, ...call }, words(context.catalogue[key]));
  }

  /** @param {string | null} time */
  const until = time => h('time', { dateTime: time, 'data-until': time, key: 'until' });
  /** What stands under a title, with dots between. @param {...unknown} parts */
  const below = (...parts) => h('span', { className: 'line quiet', key: 'below' }, parts.flatMap((part, index) => (index ? [' · ', part] : [part])));

  /** How long an urgent incident has waited for somebody to be sent. @param {string} since @param {Level} level */
  const waited = (since, level) => h('time', { className: 'waited', dateTime: since, 'data-waited': since, 'data-level': String(level), key: 'waited' });
  /** When a unit that was sent is there. @param {string} time @param {string} unit */
  const arrival = (time, unit) => h('time', { className: 'arrival', dateTime: time, 'data-arrives': time, 'data-unit': unit, key: 'arrival' });

  const rows = {
    /** @param {{ data: any, context: Context }} params a row of an alarm or of a line */
    AlarmRow: ({ data, context }) => (data.waits ? lineRow(data, context) : h('div', {
      className: data.inside ? 'row inside' : 'row', 'data-alarm-id': data.id, 'data-state': data.state,
    }, [
      badge(data.level), score(data, context), title(data.names || data.message), mark(data, context),
      side([h('span', { className: 'reading', key: 'value' }, reading(context, data.now ? data.now.value : data.value, data)), trend(data.now, context),
        age(data.now?.time ?? data.observed_at ?? data.raised_at)]), acknowledge(data, context)])),
    /** @param {{ data: Alarm, context: Context }} params */
    ShelvedRow: ({ data, context }) => h('div', { className: 'row', 'data-alarm-id': data.id, 'data-state': data.state }, [
      badge(data.level),
      h('span', { className: 'row-title two', key: 'title' }, h('span', { className: 'line', key: 'name' }, words(data.names)),
        below(until(data.shelved_until), h('span', { key: 'why' }, named(context, 'shelve_reasons', data.shelved_reason || '')))),
      context.me.permissions.includes('alarm.shelve') && button(context, 'card.unshelve', `/api/alarms/${data.id}/unshelve`, 'unshelve')]),
    /** @param {{ data: Incident & { waits?: string | null }, context: Context }} params */
    IncidentRow: ({ data, context }) => h('div', { className: 'row', 'data-incident-id': data.id, 'data-state': data.status }, [
      badge(data.level), score(data, context), title(data.titles || { zh: data.title }),
      side([h('span', { className: 'sent', key: 'sent' }, (data.assignments || []).length || ''), data.waits ? waited(data.waits, data.level) : age(data.opened_at)]),
      chip(context, 'incident_statuses', data.status)]),
    /** @param {{ data: Unit & { stale: boolean, arrives?: string | null }, context: Context }} params */
    UnitRow: ({ data, context }) => h('div', { className: 'row', 'data-unit-id': data.id, 'data-state': data.status, 'data-stale': data.stale ? '1' : null }, [
      h('span', { className: 'unit-mark', 'data-swatch': `unit-${data.kind}-${data.status}`, key: 'mark' }), title(data.names || { zh: data.name }),
      side([data.arrives ? arrival(data.arrives, data.id) : h('span', { className: 'quiet', key: 'kind' }, named(context, 'unit_kinds', data.kind)), age(data.seen_at)]), chip(context, 'unit_statuses', data.status)]),
  };
  Object.assign(rows, {
    /** @param {{ data: Warning, context: Context }} params */
    WarningRow: ({ data, context }) => h('div', { className: 'row', 'data-warning-id': data.id, 'data-state': data.state }, [
      badge(data.level),
      h('span', { className: 'row-title two', key: 'title' }, h('span', { className: 'line', key: 'name' }, words(data.names)), below(
        data.sender_name || data.sender,
        data.shape.length ? data.area || '' : h('span', { key: 'area' }, words(context.catalogue['lists.no_area'])),
        until(data.until),
      )),
      side(age(data.sent))]),
  });
  window.dashAgGridComponentFunctions = Object.assign(window.dashAgGridComponentFunctions || {}, rows);
})();
