// Options, tables and JSON rows of the suites.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { bitRate, strategy } from '../../build/internal.mjs';

const PARSERS = { link: bitRate, strategy };

/** Parse a suite's options: `--quick`, `--json FILE`, and the named ones, which all take a value. */
export function readOptions(argv, ...own) {
  const named = Object.fromEntries(['json', ...own].map((name) => [name, { type: 'string' }]));
  const { values } = parseArgs({
    args: argv,
    options: { quick: { type: 'boolean', default: false }, ...named },
  });
  return values;
}

/** Parse an option that is a whole number; `fallback` is its default. */
export function wholeNumber(name, text, fallback) {
  if (text === undefined) return fallback;
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw badOption(`--${name}: "${text}" is not a whole number of at least 1`);
}

/** Parse `--link` or `--strategy` as the command line does. */
export function checkedOption(name, text) {
  try {
    return PARSERS[name](text);
  } catch (error) {
    throw badOption(`--${name} ${text}: ${error.message}`);
  }
}

/** Return an error that main.mjs reports as wrong usage. */
export function badOption(message) {
  return Object.assign(new TypeError(message), { code: 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE' });
}

/** Print a table: first column left-aligned, the others right-aligned. */
export function printTable(head, rows) {
  const cells = [head, ...rows].map((row) => row.map(String));
  const widths = head.map((_, i) => Math.max(...cells.map((row) => row[i].length)));
  for (const row of cells) {
    const line = row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
      .join('  ');
    process.stdout.write(`  ${line.trimEnd()}\n`);
  }
}

export function print(text) {
  process.stdout.write(`${text}\n`);
}

/** Compare a value with its target. */
export function verdict(value, target, { atMost = false } = {}) {
  const met = atMost ? value <= target : value >= target;
  return { target, met, text: `target ${atMost ? '<=' : '>='} ${target}: ${met ? 'met' : 'missed'}` };
}

/** Write a suite's rows, each with the version of Node, to `file` if it is defined. */
export function writeRows(file, rows) {
  if (file === undefined) return;
  const withNode = rows.map((row) => ({ ...row, node: process.versions.node }));
  writeFileSync(file, `${JSON.stringify(withNode, null, 1)}\n`);
}

/** Fill a Uint32Array with seeded random words (xorshift128). */
export function fillRandom(words, seed = 1) {
  let [a, b, c, d] = [seed, 0x9e3779b9, 0x85ebca6b, 0xc2b2ae35];
  for (let i = -16; i < words.length; i++) {
    const t = a ^ (a << 11);
    a = b;
    b = c;
    c = d;
    d = d ^ (d >>> 19) ^ t ^ (t >>> 8);
    if (i >= 0) words[i] = d;
  }
  return words;
}
