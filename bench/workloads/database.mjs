import { createTables, insertOrders, shopRounds } from '../../examples/support/sql-shop.mjs';

/** Orders for about 48 MiB of memory, with their index. */
const ORDERS = 400_000;

export const database = {
  name: 'database',
  description: 'SQLite in WebAssembly: a shop’s database through transactions',
  async *images({ mebibytes = 64, seed = 2026 } = {}) {
    const orders = Math.round((ORDERS * mebibytes) / 64);
    const rounds = [
      ['loaded', (db, random) => load(db, random, orders)],
      ['updated', (db) => db.run("UPDATE shop.orders SET state = 'paid' WHERE id % 50 = 7")],
      [
        'deleted',
        (db) =>
          db.run('DELETE FROM shop.orders WHERE id BETWEEN 1000 AND ?', [1000 + Math.round(orders / 30)]),
      ],
      ['inserted', (db, random) => insertOrders(db, random, Math.round(orders / 40))],
    ];
    yield* shopRounds(rounds, seed);
  },
};

function load(db, random, orders) {
  createTables(db, random);
  insertOrders(db, random, orders);
  db.run('CREATE INDEX shop.by_customer ON orders (customer, state)');
}
