// What comes next for a task. Pure.

/** Milestones in their order, and the button that reaches each. */
const NEXT = Object.freeze({ assigned: 'accepted', accepted: 'en_route', en_route: 'on_scene', on_scene: 'clear' });

/** How far a task has come, with what this phone has said and not sent yet. @param {FieldTask} task @param {FieldEntry[]} entries */
export function stateOf(task, entries) {
  const order = ['assigned', 'accepted', 'en_route', 'on_scene', 'clear'];
  return entries
    .filter(({ act, state }) => state === 'waiting' && act.kind === 'reply' && act.task === task.id)
    .reduce((at, { act }) => {
      const said = String(act.state);
      return said === 'declined' || order.indexOf(said) > order.indexOf(at) ? said : at;
    }, task.state);
}

/** The one button of a state, null where there is nothing more to say. @param {string} state @returns {string | null} */
export const nextOf = state => /** @type {Record<string, string>} */ (NEXT)[state] ?? null;

/** @param {string} state */
export const mayDecline = state => state === 'assigned' || state === 'accepted';
