// Sends what happened, in order, once: an entry is waiting until the server has answered it, and the next try begins with the same ids.

export const BATCH = 20;
const FIRST_MS = 1000;
const LONGEST_MS = 60_000;

/** How long to wait after so many tries without an answer; between half of it and all of it. @param {number} tries @param {number} chance 0 to 1 */
export const pauseMs = (tries, chance) => Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(tries, 10)) * (0.5 + chance / 2);

/** Entries with what the server answered them. @param {FieldEntry[]} entries @param {FieldAnswer[]} answers @returns {FieldEntry[]} */
export function settled(entries, answers) {
  const byId = new Map(answers.map(answer => [answer.id, answer]));
  return entries.flatMap(entry => {
    const answer = byId.get(entry.act.id);
    return answer ? [{ ...entry, state: answer.state, why: answer.why, incident: answer.incident }] : [];
  });
}

/**
 * @param {{
 *   store: { all: () => Promise<FieldEntry[]>, settle: (entries: FieldEntry[]) => Promise<void> },
 *   post: (acts: FieldAct[]) => Promise<FieldAnswer[]>,
 *   alone: (work: () => Promise<void>) => Promise<unknown>,
 *   changed: () => void,
 *   later: (work: () => void, ms: number) => () => void,
 * }} parts `post` rejects where no answer came; `alone`: in one tab at a time
 */
export function makeOutbox({ store, post, alone, changed, later }) {
  const at = { tries: 0, sending: false, again: false, cancel: () => {} };

  async function sendWaiting() {
    for (;;) {
      const waiting = (await store.all()).filter(entry => entry.state === 'waiting').slice(0, BATCH);
      if (!waiting.length) return;
      const answered = settled(waiting, await post(waiting.map(entry => entry.act)));
      if (!answered.length) throw new Error('none of these was answered');
      await store.settle(answered);
      at.tries = 0;
      changed();
    }
  }

  /** Send what waits, now. */
  async function send() {
    at.cancel();
    if (at.sending) {
      at.again = true;
      return;
    }
    at.sending = true;
    try {
      await alone(sendWaiting);
    } catch {
      at.tries += 1;
      at.cancel = later(send, pauseMs(at.tries, Math.random()));
    }
    at.sending = false;
    changed();
    if (at.again) {
      at.again = false;
      await send();
    }
  }

  return { send };
}
