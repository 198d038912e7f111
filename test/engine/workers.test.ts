import { expect, test, vi } from 'vitest';
import { bytesSource, type Strategy } from '../../src/index.js';
import { guestImage } from '../support/images.js';
import { decoded, encoded } from '../support/streams.js';

// What a packing worker runs is a string, here one that each test sets.
const worker = vi.hoisted(() => ({ source: '' }));
vi.mock('../../src/engine/threads/worker.generated.js', () => ({
  get WORKER_SOURCE() {
    return worker.source;
  },
}));
const sound = await vi.importActual<{ WORKER_SOURCE: string }>(
  '../../src/engine/threads/worker.generated.js',
);

const PAGE = 4096;
const images = () => [1, 2, 3].map((seed) => bytesSource(guestImage(PAGE, seed), `${seed}`));
const strategy: Strategy = {
  name: 'groups',
  choose: () => 'group',
  pack: () => ({ name: 'lz4' }),
  groupBytes: () => 16_384,
};
const options = { threads: 2, strategy };

test('the built worker', async () => {
  worker.source = sound.WORKER_SOURCE;
  const { bytes, summary } = await encoded(images(), options);
  expect(summary.codecs.lz4!.pages).toBeGreaterThan(10);
  expect((await decoded(bytes)).images.map(({ length }) => length)).toEqual(
    images().map((image) => image.bytes),
  );
});

test.each([
  ['cannot start', 'throw new Error("no wasm here");', 'no wasm here'],
  ['ends', 'process.exit(3);', 'packing worker: ended with code 3'],
  [
    'ends in the middle',
    'require("worker_threads").parentPort.once("message", () => process.exit(4));',
    'ended with code 4',
  ],
  [
    'throws in the middle',
    'require("worker_threads").parentPort.on("message", () => { throw new RangeError("too large"); });',
    'too large',
  ],
  [
    'says that it failed',
    'const { parentPort } = require("worker_threads"); parentPort.on("message", ({ id }) => parentPort.postMessage({ id, error: "bad segment" }));',
    'packing worker: bad segment',
  ],
])('a worker that %s fails the encoding', async (_, source, message) => {
  worker.source = source;
  await expect(encoded(images(), options)).rejects.toThrow(message);
});

test('a worker that ends after it has done well for a while', async () => {
  const counted = `{
    const { parentPort } = require('node:worker_threads');
    const post = parentPort.postMessage.bind(parentPort);
    let answers = 0;
    parentPort.postMessage = (reply) => {
      if (++answers > 10) process.exit(5);
      post(reply);
    };
  }
  `;
  worker.source = counted + sound.WORKER_SOURCE;
  const one: Strategy = { ...strategy, groupBytes: () => 1 };
  const many = Array.from({ length: 10 }, (_, i) => bytesSource(guestImage(PAGE, i + 1), `${i}`));
  await expect(encoded(many, { ...options, strategy: one, dedup: false })).rejects.toThrow(
    'ended with code 5',
  );
});
