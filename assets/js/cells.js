// Renderers of the list rows for AG Grid (React, loaded with Dash). A classic script: the grids look them up when they mount.
(function () {
  const h = (...args) => window.React.createElement(...args);
  const words = text => ['zh', 'en'].map(lang => h('span', { lang, key: lang }, (text && (text[lang] || text.zh || text.en)) || ''));
  const named = (table, key) => words((window.onemap.vocabulary[table] || {})[key] || { zh: key, en: key });
  const page = key => words((window.onemap.catalogue || {})[key]);
  const roman = ['', 'I', 'II', 'III', 'IV'];

  const badge = level => h('span', { className: `level level-${level || 'none'}`, key: 'level' }, h('span', null, roman[level] || ''));
  const age = time => h('time', { className: 'age', dateTime: time, 'data-age': time, key: 'age' });
  const chip = (table, state) => h('span', { className: 'chip', 'data-state': state, key: 'chip' }, named(table, state));
  const title = (text, more) => h('span', { className: 'row-title', key: 'title' }, words(text), more);
  const side = children => h('span', { className: 'row-side', key: 'side' }, children);
  const unitOf = text => (text && !/^(%$|°)/.test(text) ? ` ${text}` : text || '');
  const reading = alarm => (alarm.value == null ? '' : `${+Number(alarm.value).toFixed(2)}${unitOf(alarm.unit)}`);

  function acknowledge(alarm) {
    const mayAct = (window.onemap.me || {}).role !== 'viewer';
    if (!mayAct || !['unacknowledged', 'returned_unacknowledged'].includes(alarm.state)) return chip('alarm_states', alarm.state);
    const call = { 'data-method': 'POST', 'data-url': `/api/alarms/${alarm.id}/acknowledge`, 'data-body': '{}' };
    return h('button', { type: 'button', className: 'row-button', key: 'act', tabIndex: -1, 'data-testid': 'acknowledge', ...call }, page('lists.acknowledge'));
  }

  const rows = {
    AlarmRow: ({ data }) => h('div', { className: 'row', 'data-alarm-id': data.id, 'data-state': data.state }, [
      badge(data.level), title(data.names || data.message),
      side([h('span', { className: 'reading', key: 'value' }, reading(data)), age(data.changed_at || data.raised_at)]), acknowledge(data)]),
    IncidentRow: ({ data }) => h('div', { className: 'row', 'data-incident-id': data.id, 'data-state': data.status }, [
      badge(data.level), title(data.titles || { zh: data.title }),
      side([h('span', { className: 'sent', key: 'sent' }, (data.assignments || []).length || ''), age(data.opened_at)]),
      chip('incident_statuses', data.status)]),
    UnitRow: ({ data }) => h('div', { className: 'row', 'data-unit-id': data.id, 'data-state': data.status, 'data-stale': data.stale ? '1' : null }, [
      h('span', { className: 'unit-mark', 'data-swatch': `unit-${data.kind}-${data.status}`, key: 'mark' }), title(data.names || { zh: data.name }),
      side([h('span', { className: 'quiet', key: 'kind' }, named('unit_kinds', data.kind)), age(data.seen_at)]), chip('unit_statuses', data.status)]),
  };
  window.dashAgGridComponentFunctions = Object.assign(window.dashAgGridComponentFunctions || {}, rows);
})();
