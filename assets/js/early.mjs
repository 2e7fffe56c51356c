// What the page needs first, asked for before its other modules have come. It imports nothing, so that nothing holds it up.
/** @param {string} url */
function ask(url) {
  const answer = fetch(url, { headers: { accept: 'application/json' } });
  answer.catch(() => {}); // who takes the answer is told
  return answer;
}

export const asked = {
  me: ask('/api/me'), city: ask('/api/city'), vocabulary: ask('/api/vocabulary'), catalogue: ask('/api/texts'), layers: ask('/api/layers'),
};
