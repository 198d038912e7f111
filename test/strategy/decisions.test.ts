// States and decisions of `adaptive` in version 0.1.0, one JSON object a line, recorded on synthetic streams
// of each control law: a later version has to take the same law, and to bypass the same batches.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { adaptive, lawOf } from '../../src/strategy/adaptive/adaptive.js';
import type { StreamState } from '../../src/strategy/strategy.js';
import { fakeStream } from './support.js';

interface BypassDecision {
  readonly elapsedMs: number;
  readonly linkBusyFraction: number;
  readonly bypass: boolean;
}

const lines = readFileSync(new URL('decisions-of-0.1.0.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as { readonly run: string });
const runs = new Map<string, { readonly run: string }[]>();
for (const line of lines) runs.set(line.run, [...(runs.get(line.run) ?? []), line]);
const bypasses = runs.get('bypass')! as unknown as BypassDecision[];
runs.delete('bypass');

test('there are runs of every law', () => {
  expect([...runs.keys()]).toEqual([
    ...['images 1', 'images 2', 'measured-link 1', 'measured-link 2', 'live 1', 'live 2'],
  ]);
});

test.each([...runs])('%s: the same control law as version 0.1.0', (run, recordedLines) => {
  for (const { state } of recordedLines as unknown as { readonly state: StreamState }[])
    expect(lawOf(state)).toBe(run.replace(/ \d$/, ''));
});

test('the same bypass decisions as version 0.1.0', () => {
  const strategy = adaptive();
  const decide = ({ elapsedMs, linkBusyFraction }: BypassDecision) =>
    strategy.shouldBypass!({
      ...fakeStream(1e9, { threads: 2 }),
      bytesAcked: 0,
      linkBusyFraction,
      elapsedMs: () => elapsedMs,
    });
  expect(bypasses.map(decide)).toEqual(bypasses.map(({ bypass }) => bypass));
  expect(new Set(bypasses.map(({ bypass }) => bypass)).size).toBe(2);
});
