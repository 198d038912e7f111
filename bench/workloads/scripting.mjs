// A scripting runtime: QuickJS, compiled to WebAssembly, with the data of a server: sessions, a cache, a
// queue, a log.
import variant from '@jitl/quickjs-wasmfile-release-sync';
import { newQuickJSWASMModuleFromVariant } from 'quickjs-emscripten-core';
import { withMemory } from '../../examples/support/wasm-memory.mjs';

/** Sessions for about 48 MiB of memory. */
const SESSIONS = 60_000;

const PROGRAM = `
let state = SEED;
function random(limit) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 4294967296) * limit);
}
const words = [];
for (let i = 0; i < 500; i++) words.push((i * 7919 + 13).toString(36) + ' ');
const sentence = (count) => { let text = ''; while (count-- > 0) text += words[random(500)]; return text; };
const sessions = new Map(), cache = {}, queue = [], log = [];
function open(id) {
  sessions.set('session-' + id, {
    id, user: 'user ' + random(5000), since: 1700000000 + id, visits: 1, score: random(1000) / 7,
    cart: [{ item: random(900), count: 1 + random(3) }, { item: random(900), count: 1 }], at: { x: random(640), y: random(480) },
  });
  if (id % 4 === 0) cache['/page/' + id] = sentence(20 + random(40));
  if (id % 8 === 0) queue.push(Uint32Array.from({ length: 32 + random(64) }, (_, i) => i * random(9)));
}
function work(turns) {
  const known = sessions.size;
  for (let i = 0; i < turns; i++) {
    const session = sessions.get('session-' + random(known));
    if (!session) continue;
    session.visits++;
    session.score += 0.25;
    if (i % 3 === 0) session.cart.push({ item: random(900), count: 1 });
    if (i % 5 === 0) cache['/page/' + 4 * random(known / 4)] = sentence(20 + random(40));
    if (i % 7 === 0) log.push('session-' + session.id + ' visited ' + sentence(4));
    if (i % 11 === 0) sessions.delete('session-' + random(known));
  }
}`;

export const scripting = {
  name: 'scripting',
  description:
    'QuickJS in WebAssembly: a program that builds and changes a heap of objects, strings and arrays',
  async *images({ mebibytes = 64, seed = 2026 } = {}) {
    const { program, memory } = await withMemory(() => newQuickJSWASMModuleFromVariant(variant));
    const context = program.newContext();
    const evaluate = (text) => context.unwrapResult(context.evalCode(text)).dispose();
    const sessions = Math.round((SESSIONS * mebibytes) / 64);
    try {
      evaluate(PROGRAM.replace('SEED', String(seed)));
      evaluate(`for (let id = 0; id < ${sessions}; id++) open(id);`);
      yield { name: 'built', bytes: snapshot(memory) };
      for (const name of ['first changes', 'more changes']) {
        evaluate(`work(${Math.round(sessions / 12)});`);
        yield { name, bytes: snapshot(memory) };
      }
    } finally {
      context.dispose();
    }
  },
};

function snapshot(memory) {
  return new Uint8Array(memory.buffer.slice(0));
}
