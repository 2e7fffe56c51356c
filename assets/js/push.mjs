// The live channel: a WebSocket that counts. A gap or a new connection asks for everything again.
const SESSION_ENDED = 4401;
// The server says something every two seconds, if only that there is nothing: after QUIET_MS of silence what is shown is old, after
// GIVE_UP_MS the connection is taken for dead, whatever the network says of it.
const QUIET_MS = 5000;
const GIVE_UP_MS = 9000;
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
   * `fold` takes each message, `marked` whether what is shown is of now, `ended` that the session is over.
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
    /** @type {ReturnType<typeof setTimeout>[]} */
    this.watchdogs = [];
    /** Whether the server has spoken within the last seconds. */
    this.stands = false;
    /** @type {(() => void) | null} */
    this.redial = null;
    /** @type {number | null} */
    this.lastSeq = null;
    this.heardAt = 0;
  }

  get connected() { return this.socket?.readyState === OPEN; }

  /** @param {boolean} stands */
  mark(stands) {
    if (stands === this.stands) return;
    this.stands = stands;
    this.ears.marked(stands);
  }

  /** Silence from now on is counted. @param {WebSocket} socket */
  watch(socket) {
    this.watchdogs.forEach(clearTimeout);
    this.watchdogs = [
      setTimeout(() => this.mark(false), QUIET_MS),
      setTimeout(() => this.giveUp(socket), GIVE_UP_MS),
    ];
  }

  /** A connection that is dead closes when its time is over, which may be long: nobody waits for that. @param {WebSocket} socket */
  giveUp(socket) {
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
    this.lost(0);
  }

  /** The browser knows that the network is gone, or back. @param {boolean} online */
  network(online) {
    if (!online) this.mark(false);
    else this.redial?.();
  }

  /** Opens the channel and keeps it open. The server answers a new connection with one snapshot per kind. */
  connect() {
    const socket = this.dial(this.address);
    this.lastSeq = null;
    this.socket = socket;
    socket.onopen = () => { this.wait = FIRST_WAIT_MS; };
    socket.onmessage = ({ data }) => this.listen(socket, data);
    socket.onclose = ({ code }) => this.lost(code);
    this.watch(socket);
  }

  /** @param {WebSocket} socket @param {string} data */
  listen(socket, data) {
    /** @type {Message} */
    const message = JSON.parse(data);
    this.heardAt = Date.now();
    this.watch(socket);
    this.mark(true);
    if (isGap(this.lastSeq, message.seq)) socket.send(JSON.stringify({ want: 'snapshot' }));
    if (message.seq != null) this.lastSeq = message.seq;
    this.ears.fold(message);
  }

  /** @param {number} code */
  lost(code) {
    this.watchdogs.forEach(clearTimeout);
    this.mark(false);
    if (code === SESSION_ENDED) return this.ears.ended();
    const dial = () => {
      clearTimeout(timer);
      this.redial = null;
      this.connect();
    };
    const timer = setTimeout(dial, this.wait + Math.random() * SPREAD_MS);
    this.redial = dial;
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT_MS);
  }
}
