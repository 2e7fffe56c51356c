// The live channel: a WebSocket that counts. A gap or a new connection asks for everything again.
const SESSION_ENDED = 4401;
const SILENCE_MS = 25000;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10000;
const SPREAD_MS = 300;
const OPEN = 1;

/**
 * Whether something is missing between two numbers of a channel; the first number has none before it.
 * @param {number | null} last
 * @param {number | undefined} seq
 */
export const isGap = (last, seq) => last !== null && seq != null && seq > last + 1;

/** Where the page's own server pushes. @param {{ protocol: string, host: string }} place */
export const pushAddress = ({ protocol, host }) => `${protocol === 'https:' ? 'wss' : 'ws'}://${host}/push`;

export class Channel {
  /**
   * `fold` takes each message, `marked` whether the channel stands, `ended` that the session is over.
   * @param {string} address
   * @param {{ fold: (message: Message) => void, marked: (on: boolean) => void, ended: () => void }} ears
   * @param {(address: string) => WebSocket} [dial]
   */
  constructor(address, ears, dial = to => new WebSocket(to)) {
    this.address = address;
    this.ears = ears;
    this.dial = dial;
    /** @type {WebSocket | null} */
    this.socket = null;
    this.wait = FIRST_WAIT_MS;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.watchdog = undefined;
    /** @type {number | null} */
    this.lastSeq = null;
    this.heardAt = 0;
  }

  get connected() { return this.socket?.readyState === OPEN; }

  /** Opens the channel and keeps it open. The server answers a new connection with one snapshot per kind. */
  connect() {
    const socket = this.dial(this.address);
    this.lastSeq = null;
    this.socket = socket;
    socket.onopen = () => { this.wait = FIRST_WAIT_MS; this.ears.marked(true); };
    socket.onmessage = ({ data }) => this.listen(socket, data);
    socket.onclose = ({ code }) => this.lost(code);
  }

  /** @param {WebSocket} socket @param {string} data */
  listen(socket, data) {
    /** @type {Message} */
    const message = JSON.parse(data);
    this.heardAt = Date.now();
    clearTimeout(this.watchdog);
    this.watchdog = setTimeout(() => socket.close(), SILENCE_MS);
    if (isGap(this.lastSeq, message.seq)) socket.send(JSON.stringify({ want: 'snapshot' }));
    if (message.seq != null) this.lastSeq = message.seq;
    this.ears.fold(message);
  }

  /** @param {number} code */
  lost(code) {
    clearTimeout(this.watchdog);
    this.ears.marked(false);
    if (code === SESSION_ENDED) return this.ears.ended();
    setTimeout(() => this.connect(), this.wait + Math.random() * SPREAD_MS);
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT_MS);
  }
}
