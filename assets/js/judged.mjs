// Values of alarms that stand in a card: they follow what the rules judge now, between two drawings of the card.
import { atMost } from './dom.mjs';

const EVERY_MS = 500;

/** @param {{ live: Live, words: Words, metrics: Texts }} parts */
export function followJudged({ live, words: { both }, metrics }) {
  function draw() {
    for (const node of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('[data-judged]'))) {
      const id = node.dataset.judged ?? '';
      const [now, metric] = [live.judged.get(id), live.alarm.get(id)?.metric];
      if (!now) continue;
      const decimals = /** @type {{ decimals?: number } | undefined} */ (metrics[metric ?? ''])?.decimals;
      const text = node.querySelector('b')?.firstChild;
      const value = decimals == null ? String(+now.value.toFixed(2)) : now.value.toFixed(decimals);
      if (text instanceof Text && text.data !== value) text.data = value;
      const trend = node.querySelector('.trend');
      if (trend && node.dataset.trend !== String(now.trend)) trend.replaceChildren(...(now.trend ? both(`trend.${now.trend}`) : []));
      node.dataset.trend = String(now.trend);
      const time = node.querySelector('time');
      if (time && time.dataset.age !== now.time) time.dataset.age = now.time;
    }
  }
  live.judged.on(atMost(EVERY_MS, draw));
}
