// An agent that is stopped before it listens.
import fs from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { CommonValues } from '../../src/cli/agent/options.js';
import { runAgent } from '../../src/cli/agent/run.js';
import { folders } from './cli.js';

const newFolder = folders();

test('a signal while the base image is read ends the agent normally, without listening', async () => {
  const base = join(newFolder(), 'base.raw');
  fs.writeFileSync(base, new Uint8Array(4096));
  const stop = new AbortController();
  let hasStarted = false;
  const running = runAgent({
    role: 'source',
    values: { base, once: false, metrics: undefined } as CommonValues,
    log: () => {},
    signal: stop.signal,
    start: async () => {
      hasStarted = true;
      return { close: async () => {} };
    },
  });
  stop.abort(new Error('stopped by SIGTERM'));
  await expect(running).resolves.toBe(false);
  expect(hasStarted).toBe(false);
});

test('a base image that cannot be read is a failure', async () => {
  const running = runAgent({
    role: 'source',
    values: { base: join(newFolder(), 'missing'), once: false } as CommonValues,
    log: () => {},
    signal: new AbortController().signal,
    start: async () => ({ close: async () => {} }),
  });
  await expect(running).rejects.toThrow(/missing/);
});
