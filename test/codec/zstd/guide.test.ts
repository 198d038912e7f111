// Runs the programs of docs/zstd.md against the sources and compares what they print.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import * as zstd from '../../../src/zstd.js';

const document = readFileSync(new URL('../../../docs/zstd.md', import.meta.url), 'utf8');
const programs = [...document.matchAll(/```js\n(.*?)```\n\nIt prints `([^`]*)`/gs)];
const AsyncFunction = (async () => {}).constructor as new (
  ...text: string[]
) => (entry: typeof zstd, console: { log(line: string): void }) => Promise<void>;

test('docs/zstd.md has two programs', () => {
  expect(programs.length).toBe(2);
});

test.each(programs.map(([, program, printed]) => [printed!, program!]))(
  'prints: %s',
  async (printed, program) => {
    const lines: string[] = [];
    const body = program.replace(/import (\{.*?\}) from 'pageferry\/zstd';/, 'const $1 = entry;');
    await new AsyncFunction('entry', 'console', body)(zstd, { log: (line) => lines.push(line) });
    expect(lines).toEqual([printed]);
  },
);

test('every function of the entry is in the document', () => {
  for (const [name, value] of Object.entries(zstd))
    if (typeof value === 'function') expect(document, name).toContain(name);
});
