// Costs of work on a host for simulations: measured here, beside the built-in values (MEASURED_COSTS in
// src/simulate/costs.ts: medians of this suite on an idle machine).
import { MEASURED_COSTS, measureCosts } from '../dist/simulate.js';
import { print, printTable, readOptions, wholeNumber, writeRows } from './kernels/suite.mjs';
import { median } from './race.mjs';

export async function run(argv) {
  const { quick, json, runs } = readOptions(argv, 'runs');
  const rounds = wholeNumber('runs', runs, quick ? 1 : 7);
  const measured = [];
  for (let n = 0; n < rounds; n++) measured.push(await measureCosts());
  const known = flat(MEASURED_COSTS);
  const rows = Object.keys(flat(measured[0])).map((cost) => {
    const value = median(measured.map((one) => flat(one)[cost]));
    return { suite: 'costs', cost, value, builtIn: known[cost], ratio: value / known[cost] };
  });
  print(`\n${measured[0].name}: medians of ${rounds}; built in: ${MEASURED_COSTS.name}`);
  printTable(
    ['µs per page, or bytes per ms', 'here', 'built in', 'here / built in'],
    rows.map(({ cost, value, builtIn, ratio }) => [
      cost,
      digits(value),
      digits(builtIn),
      builtIn ? ratio.toFixed(2) : '',
    ]),
  );
  writeRows(json, rows);
}

/** Return all numbers by their path. */
function flat(costs, path = '') {
  return Object.assign(
    {},
    ...Object.entries(costs).map(([key, value]) => {
      if (typeof value === 'object') return flat(value, `${path}${key}.`);
      return typeof value === 'number' ? { [path + key]: value } : {};
    }),
  );
}

function digits(value) {
  return value === undefined ? '' : String(Number(value.toPrecision(3)));
}
