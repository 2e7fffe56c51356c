// The live channel over a socket that the test holds in its hand.
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { Channel, isGap, pushAddress } from '../../assets/js/push.mjs';

class FakeSocket {
  constructor(address) { Object.assign(this, { address, sent: [], readyState: 0, closed: false }); }
  send(text) { this.sent.push(JSON.parse(text)); }
  close() { this.closed = true; }
  open() { this.readyState = 1; this.onopen(); }
  hear(message) { this.onmessage({ data: JSON.stringify(message) }); }
  lose(code) { this.readyState = 3; this.onclose({ code }); }
}

/** @param {import('node:test').TestContext} context */
function channel(context) {
  mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  context.after(() => mock.timers.reset());
  const sockets = [];
  const heard = [];
  const marks = [];
  let ended = 0;
  const made = new Channel('ws://desk/push', { fold: message => heard.push(message), marked: on => marks.push(on), ended: () => { ended += 1; } },
    address => { sockets.push(new FakeSocket(address)); return sockets.at(-1); });
  made.connect();
  sockets[0].open();
  return { made, sockets, heard, marks, ended: () => ended };
}

const message = seq => ({ seq, kind: 'alarm', op: 'upsert', items: [] });
const WANT = [{ want: 'snapshot' }];

/** @type {[string, number | null, number | undefined, boolean][]} */
const GAPS = [
  ['the first message has nothing before it, whatever its number', null, 40, false],
  ['the next number is no gap', 4, 5, false],
  ['a number left out is a gap', 4, 6, true],
  ['many numbers left out are a gap', 4, 260, true],
  ['a number heard before is no gap', 4, 4, false],
  ['an older number is no gap', 4, 2, false],
  ['a message without a number is no gap', 4, undefined, false],
];
for (const [name, last, seq, wanted] of GAPS) test(name, () => assert.equal(isGap(last, seq), wanted));

test('a gap in the numbers asks for everything again, once', t => {
  const { sockets: [socket] } = channel(t);
  socket.hear(message(1));
  socket.hear(message(2));
  assert.deepEqual(socket.sent, []);
  socket.hear(message(5));
  assert.deepEqual(socket.sent, WANT);
  socket.hear(message(6));
  assert.deepEqual(socket.sent, WANT);
});

test('the message after a gap is taken too', t => {
  const { sockets: [socket], heard } = channel(t);
  socket.hear(message(1));
  socket.hear(message(9));
  assert.deepEqual(heard.map(({ seq }) => seq), [1, 9]);
});

test('numbers start anew with a new connection', t => {
  const { sockets } = channel(t);
  sockets[0].hear(message(3));
  sockets[0].lose(1006);
  mock.timers.tick(1000);
  sockets[1].open();
  sockets[1].hear(message(40));
  sockets[1].hear(message(41));
  assert.deepEqual(sockets[1].sent, []);
});

test('a lost connection is said and opened again after half a second', t => {
  const { sockets, marks, made } = channel(t);
  sockets[0].hear(message(1));
  sockets[0].lose(1006);
  assert.deepEqual(marks, [true, false]);
  assert.equal(made.connected, false);
  mock.timers.tick(499);
  assert.equal(sockets.length, 1);
  mock.timers.tick(301);
  assert.equal(sockets.length, 2);
  assert.equal(sockets[1].address, 'ws://desk/push');
});

test('each failure waits twice as long, at most ten seconds', t => {
  const { sockets } = channel(t);
  const waits = [];
  for (let turn = 0; turn < 7; turn += 1) {
    sockets.at(-1).lose(1006);
    const count = sockets.length;
    let waited = 0;
    while (sockets.length === count) { mock.timers.tick(50); waited += 50; }
    waits.push(waited);
  }
  const expected = [500, 1000, 2000, 4000, 8000, 10000, 10000];
  for (const [turn, waited] of waits.entries()) assert.ok(waited >= expected[turn] && waited <= expected[turn] + 350, `turn ${turn}: ${waited} ms`);
});

test('a connection that stands makes the next wait short again', t => {
  const { sockets } = channel(t);
  for (let turn = 0; turn < 4; turn += 1) { sockets.at(-1).lose(1006); mock.timers.tick(10300); }
  sockets.at(-1).open();
  const count = sockets.length;
  sockets.at(-1).lose(1006);
  mock.timers.tick(800);
  assert.equal(sockets.length, count + 1);
});

test('a session that has ended is said and nothing is opened again', t => {
  const { sockets, ended } = channel(t);
  sockets[0].lose(4401);
  mock.timers.tick(60000);
  assert.deepEqual([ended(), sockets.length], [1, 1]);
});

test('after five seconds of silence what is shown is old; the next word makes it new', t => {
  const { sockets: [socket], marks } = channel(t);
  socket.hear(message(1));
  mock.timers.tick(4900);
  socket.hear({ kind: 'ping', op: 'upsert', items: [], seq: 2 });
  mock.timers.tick(4900);
  assert.deepEqual(marks, [true]);
  mock.timers.tick(101);
  assert.deepEqual(marks, [true, false]);
  socket.hear(message(3));
  assert.deepEqual(marks, [true, false, true]);
});

test('a connection silent for nine seconds is given up, whether it closes or not', t => {
  const { sockets } = channel(t);
  sockets[0].hear(message(1));
  mock.timers.tick(9001);
  assert.equal(sockets[0].closed, true);
  mock.timers.tick(800);
  assert.equal(sockets.length, 2);
  assert.equal(sockets[0].onmessage, null);
});

test('a connection that never opens is given up too', t => {
  const { sockets } = channel(t);
  sockets[0].lose(1006);
  mock.timers.tick(800);
  assert.equal(sockets.length, 2);
  mock.timers.tick(9001);
  mock.timers.tick(1301);
  assert.equal(sockets.length, 3);
});

test('that the network is gone is said at once, and that it is back does not wait for the next turn', t => {
  const { sockets, marks, made } = channel(t);
  sockets[0].hear(message(1));
  made.network(false);
  assert.deepEqual(marks, [true, false]);
  sockets[0].lose(1006);
  made.network(true);
  assert.equal(sockets.length, 2);
  mock.timers.tick(5000);
  assert.equal(sockets.length, 2);
});

test('it is known when the channel was last heard', t => {
  const { sockets: [socket], made } = channel(t);
  mock.timers.tick(3000);
  socket.hear(message(1));
  assert.equal(made.heardAt, 3000);
});

test('a page over TLS is pushed to over TLS', () => {
  assert.equal(pushAddress({ protocol: 'https:', host: 'city.example:8443' }), 'wss://city.example:8443/push');
  assert.equal(pushAddress({ protocol: 'http:', host: 'localhost:8050' }), 'ws://localhost:8050/push');
});
