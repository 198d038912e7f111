// Faults at random steps of encoding: one error, the first cause, and nothing is left behind.
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { createEncoder, type PageSource, type Strategy } from '../../src/index.js';
import { openImage } from '../../src/node.js';
import { sleep } from '../../src/page/sync.js';
import { guestImage } from '../support/images.js';
import { seeded } from '../support/kernels.js';
import { SMALL_ENCODER } from '../support/streams.js';

vi.mock('../../src/engine/threads/worker-start.js', () => import('../support/early-workers.js'));

const PAGE = 4096;
const folder = mkdtempSync(join(tmpdir(), 'pageferry-faults-'));
const path = join(folder, 'image.raw');
let bytes = 0;
beforeAll(() => {
  const image = Buffer.concat(Array.from({ length: 120 }, (_, i) => guestImage(PAGE, i + 1)));
  writeFileSync(path, image);
  bytes = image.length;
});
afterAll(() => rmSync(folder, { recursive: true }));

const unhandled: unknown[] = [];
process.on('unhandledRejection', (reason) => unhandled.push(reason));
afterEach(async () => {
  await sleep(5);
  expect(unhandled.splice(0)).toEqual([]);
});

/** Threads of this process, where the system lists them. */
const threadCount = () => (existsSync('/proc/self/task') ? readdirSync('/proc/self/task').length : 0);

/** What goes wrong in a run, after `step` calls of its kind. */
interface Fault {
  readonly kind: 'source' | 'short' | 'output' | 'abort' | 'strategy';
  readonly step: number;
}

/** Encode the file with a fault; return the error and the expected one. */
async function encodeWith({ kind, step }: Fault, threads: number) {
  const cause = new Error(`${kind} at step ${step}`);
  const controller = new AbortController();
  const fails = failingAt(step, cause);
  const inner = openImage(path);
  // A source that gives no range is read here.
  const source: PageSource = {
    name: 'image',
    ...(kind === 'short' && { bytes: bytes + step * PAGE }),
    ...(kind !== 'source' && kind !== 'short' && inner.fileRange && rangesOf(inner)),
    read(into) {
      if (kind === 'source') fails();
      return inner.read(into.subarray(0, 262_144));
    },
  };
  const strategy: Strategy = {
    name: 'test',
    choose: () => 'group',
    groupBytes: () => 65_536,
    pack() {
      if (kind === 'strategy') fails();
      return { name: 'lz4' };
    },
  };
  const output = async () => {
    if (kind === 'output') fails();
    if (kind === 'abort') {
      try {
        fails();
      } catch {
        controller.abort(cause);
      }
    }
  };
  const encoder = await createEncoder(output, {
    ...SMALL_ENCODER,
    threads,
    strategy,
    signal: controller.signal,
  });
  try {
    await encoder.encode(source);
    await encoder.finish();
    return { error: undefined, cause, kind };
  } catch (error) {
    await expect(encoder.flush()).rejects.toBe(error);
    await encoder.close();
    await expect(encoder.encode(source)).rejects.toBe(error);
    return { error, cause, kind };
  } finally {
    await encoder.close();
    inner.close?.();
  }
}

/** Return a function that throws `cause` at its call number `step`, from 0. */
function failingAt(step: number, cause: Error): () => void {
  let calls = 0;
  return () => {
    if (calls++ === step) throw cause;
  };
}

const rangesOf = (inner: PageSource) => ({
  bytes: inner.bytes!,
  readAt: (into: Uint8Array, position: number) => inner.readAt!(into, position),
  fileRange: (position: number, length: number) => inner.fileRange!(position, length),
});

const KINDS = ['source', 'short', 'output', 'abort', 'strategy'] as const;

test.each([1, 7])('100 faults at random steps, %i threads', async (threads) => {
  const random = seeded(threads);
  // Node's own threads start with the first run, and those for files with the first asynchronous call.
  await stat(folder);
  await encodeWith({ kind: 'output', step: 1 }, threads);
  await sleep(500);
  const before = threadCount();
  for (let run = 0; run < 100; run++) {
    const fault: Fault = { kind: KINDS[run % KINDS.length]!, step: 1 + (random() % 6) };
    const { error, cause, kind } = await encodeWith(fault, threads);
    if (kind === 'short') expect(error, `run ${run}`).toMatchObject({ code: 'io' });
    else expect(error, `run ${run}: ${kind}`).toBe(cause);
  }
  await expect.poll(threadCount, { timeout: 10_000 }).toBeLessThanOrEqual(before);
});
