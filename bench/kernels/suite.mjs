// What the benches that look closer have in common: their options, their tables, their rows as JSON.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { bundled } from './load.mjs';

/** Options of a suite: `--quick` and `--json FILE`, and those that are its own (names; all take a value). */
export function readOptions(argv, ...own) {
  const named = Object.fromEntries(['json', ...own].map((name) => [name, { type: 'string' }]));
  const { values } = parseArgs({
    args: argv,
    options: { quick: { type: 'boolean', default: false }, ...named },
  });
  return values;
}

/** An option that is a whole number, or what stands in for it. */
export function wholeNumber(name, text, otherwise) {
  if (text === undefined) return otherwise;
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw badOption(`--${name}: "${text}" is not a number from 1 on`);
}

/** An option value, parsed as by the command line; `parser` is one of `src/cli/values.ts`. */
export async function checkedOption(name, text, parser) {
  const parsers = await bundled('src/cli/values.ts');
  try {
    return parsers[parser](text);
  } catch (error) {
    throw badOption(`--${name} ${text}: ${error.message}`);
  }
}

/** An error that main.mjs knows for one about options. */
export function badOption(message) {
  return Object.assign(new TypeError(message), { code: 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE' });
}

/** Prints a table: the first column to the left, numbers to the right. */
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

/** A target, and whether it was met. */
export function verdict(value, target, { atMost = false } = {}) {
  const met = atMost ? value <= target : value >= target;
  return { target, met, text: `target ${atMost ? '<=' : '>='} ${target}: ${met ? 'met' : 'missed'}` };
}

/** Writes all rows of a suite, and the Node that they were taken on, where a file was asked for. */
export function writeRows(file, rows) {
  if (file === undefined) return;
  const withNode = rows.map((row) => ({ ...row, node: process.versions.node }));
  writeFileSync(file, `${JSON.stringify(withNode, null, 1)}\n`);
}

/** The same bytes in every run: fills a Uint32Array (xorshift128). */
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
