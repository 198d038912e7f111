// Runs the program of docs/strategy.md against the sources and compares what it prints.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import * as pageferry from '../../src/index.js';

const document = readFileSync(new URL('../../docs/strategy.md', import.meta.url), 'utf8');
const AsyncFunction = (async () => {}).constructor as new (
  ...text: string[]
) => (entry: typeof pageferry, console: { log(line: string): void }) => Promise<void>;

test('the program of docs/strategy.md prints what the document says', async () => {
  const [, program, printed] = /```js\n(.*?)```\n\nIt prints `([^`]*)`/s.exec(document)!;
  const body = program!.replace(/import (\{.*?\}) from 'pageferry';/, 'const $1 = entry;');
  const lines: string[] = [];
  await new AsyncFunction('entry', 'console', body)(pageferry, { log: (line) => lines.push(line) });
  expect(lines).toEqual([printed]);
});
