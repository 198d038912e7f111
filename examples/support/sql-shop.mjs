// A real program for the examples: SQLite, compiled to WebAssembly, with a shop's database in its linear
// memory.
import { createRequire } from 'node:module';
import { withMemory } from './wasm-memory.mjs';

const require = createRequire(import.meta.url);

async function startShop() {
  // sql.js creates one instance per load: load it again, so that each shop has a memory of its own.
  delete require.cache[require.resolve('sql.js')];
  const initSqlJs = require('sql.js');
  const { program, memory } = await withMemory(() => initSqlJs());
  const db = new program.Database();
  // The main database is a file outside the linear memory; this one is inside.
  db.run("ATTACH ':memory:' AS shop");
  return { db, memory };
}

/** The transactions, one between each two snapshots. */
const ROUNDS = [
  ['6,000 customers', createTables],
  ['insert 60,000 orders', (db, random) => insertOrders(db, random, 60_000)],
  ['update 1 % of orders', (db) => db.run("UPDATE shop.orders SET state = 'paid' WHERE id % 100 = 7")],
  ['create an index', (db) => db.run('CREATE INDEX shop.by_customer ON orders (customer, state)')],
  ['delete 2,000 orders', (db) => db.run('DELETE FROM shop.orders WHERE id BETWEEN 15001 AND 17000')],
  ['insert 500 orders', (db, random) => insertOrders(db, random, 500)],
  [
    'report, read only',
    (db) => db.exec('SELECT state, count(*), sum(cents) FROM shop.orders GROUP BY state'),
  ],
];

/** Run the transactions; after each, yield its name and a copy of the memory. */
export async function* shopRounds(rounds = ROUNDS, seed = 2026) {
  const { db, memory } = await startShop();
  const random = seeded(seed);
  for (const [name, work] of rounds) {
    db.run('BEGIN');
    work(db, random);
    db.run('COMMIT');
    yield { name, bytes: new Uint8Array(memory.buffer.slice(0)) };
  }
  db.close();
}

/** Return a seeded generator of whole numbers below `limit` (mulberry32). */
function seeded(seed) {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

const FIRST = [
  'Ada',
  'Alan',
  'Barbara',
  'Edsger',
  'Frances',
  'Grace',
  'Hedy',
  'John',
  'Katherine',
  'Margaret',
  'Niklaus',
];
const LAST = [
  'Allen',
  'Dijkstra',
  'Hamilton',
  'Hopper',
  'Johnson',
  'Lamarr',
  'Liskov',
  'Lovelace',
  'Turing',
  'Wirth',
];
const STREET = ['Harbour Road', 'Ferry Lane', 'Pier Street', 'Lighthouse Hill', 'Quay Side', 'Anchor Square'];

export function createTables(db, random) {
  db.run('CREATE TABLE shop.customers (id INTEGER PRIMARY KEY, name TEXT, street TEXT, balance INTEGER)');
  db.run(
    'CREATE TABLE shop.orders (id INTEGER PRIMARY KEY, customer INTEGER, state TEXT, cents INTEGER, note TEXT)',
  );
  const insert = db.prepare('INSERT INTO shop.customers (name, street, balance) VALUES (?, ?, ?)');
  for (let i = 0; i < 6000; i++) {
    const name = `${FIRST[random(FIRST.length)]} ${LAST[random(LAST.length)]}`;
    insert.run([name, `${STREET[random(STREET.length)]} ${1 + random(200)}`, random(100_000)]);
  }
  insert.free();
}

export function insertOrders(db, random, count) {
  const insert = db.prepare("INSERT INTO shop.orders (customer, state, cents, note) VALUES (?, 'new', ?, ?)");
  for (let i = 0; i < count; i++)
    insert.run([
      1 + random(6000),
      100 + random(50_000),
      `${1 + random(9)} x item ${random(4000).toString(36)}, ticket ${random(2 ** 31)}`,
    ]);
  insert.free();
}
