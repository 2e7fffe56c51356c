// The live channel: a WebSocket that counts. A gap or a new connection asks for everything again.
import { toLogin } from './api.mjs';
import { live } from './live.mjs';

const SESSION_ENDED = 4401;
const SILENCE_MS = 25000;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10000;

let socket = null;
let wait = FIRST_WAIT_MS;
let watchdog = null;
let lastSeq = null;
let lastHeard = 0;

export const channel = { connected: () => socket?.readyState === WebSocket.OPEN, heardAt: () => lastHeard };

function mark(on) {
  document.documentElement.dataset.live = on ? 'on' : 'off';
}

function hear(message) {
  const gap = lastSeq !== null && message.seq != null && message.seq > lastSeq + 1;
  if (message.seq != null) lastSeq = message.seq;
  if (gap) socket.send(JSON.stringify({ want: 'snapshot' }));
  live[message.kind]?.[message.op]?.(message.items);
}

function listen(event) {
  lastHeard = Date.now();
  clearTimeout(watchdog);
  watchdog = setTimeout(() => socket.close(), SILENCE_MS);
  hear(JSON.parse(event.data));
}

function lost(event) {
  clearTimeout(watchdog);
  mark(false);
  if (event.code === SESSION_ENDED) return toLogin();
  setTimeout(connect, wait + Math.random() * 300);
  wait = Math.min(wait * 2, LONGEST_WAIT_MS);
}

/** Opens the channel and keeps it open. The server answers a new connection with one snapshot per kind. */
export function connect() {
  lastSeq = null;
  socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/push`);
  socket.onopen = () => { wait = FIRST_WAIT_MS; mark(true); };
  socket.onmessage = listen;
  socket.onclose = lost;
}
