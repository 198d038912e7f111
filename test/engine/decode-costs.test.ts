// What a decoder and a page receiver report of their cost, and what an encoder does with it.
import { describe, expect, test } from 'vitest';
import { createPageReceiver } from '../../src/engine/live/create-page-receiver.js';
import {
  bytesSink,
  bytesSource,
  createDecoder,
  createEncoder,
  type DecodeCosts,
  type DestinationSpeed,
  destinationSpeed,
  type PackingName,
  type Strategy,
} from '../../src/index.js';
import { guestImage } from '../support/images.js';
import { batchOf, liveSender, ReceivedMemory } from '../support/live.js';
import { encoded, SMALL_DECODER } from '../support/streams.js';

const PAGE = 4096;
const IMAGE = guestImage(PAGE, 5);
const NONE = { bytes: 0, ms: 0, cpuMs: 0 };

const packedBytes = ({ unpack }: DecodeCosts, name: PackingName) => unpack[name].bytes;

describe('a decoder', () => {
  test.each([
    ['fixed:lz4', 'lz4', 'zstd'],
    ['fixed:raw', 'raw', 'zstd'],
  ] as const)('%s: bytes of pages, and unpacked bytes by packing', async (strategy, used, unused) => {
    const { bytes } = await encoded([bytesSource(IMAGE, 'a'), bytesSource(IMAGE, 'b')], { strategy });
    const decoder = await createDecoder(() => bytesSink(), SMALL_DECODER);
    expect(decoder.costs).toEqual({ pages: NONE, unpack: { raw: NONE, lz4: NONE, zstd: NONE } });
    for (let at = 0; at < bytes.length; at += 100_000) await decoder.push(bytes.subarray(at, at + 100_000));
    await decoder.finish();
    const { costs } = decoder;
    expect(costs.pages.bytes).toBe(2 * IMAGE.length);
    expect(packedBytes(costs, used)).toBeGreaterThan(PAGE);
    expect(packedBytes(costs, used)).toBeLessThanOrEqual(IMAGE.length + PAGE);
    expect(packedBytes(costs, unused)).toBe(0);
    for (const { ms, cpuMs } of [costs.pages, costs.unpack[used]]) {
      expect(ms).toBeGreaterThan(0);
      expect(cpuMs).toBeLessThanOrEqual(ms);
    }
  });
});

test('a page receiver: bytes of batches and of bypassed pages', async () => {
  const pages = Math.floor(IMAGE.length / PAGE);
  const memory = new ReceivedMemory();
  const receiver = await createPageReceiver({ open: memory.open });
  const sender = await liveSender();
  receiver.push(sender.begin('guest', pages));
  receiver.push((await batchOf(sender, IMAGE, [0, 1, 2, 3])).bytes);
  expect(receiver.costs.pages.bytes).toBe(4 * PAGE);
  receiver.bypassed([4, 5], [-1, 0], IMAGE.subarray(4 * PAGE, 5 * PAGE));
  expect(receiver.costs.pages.bytes).toBe(6 * PAGE);
  await sender.close();
  receiver.close();
  expect(receiver.costs.pages.bytes).toBe(6 * PAGE);
});

test('the speed of a destination from its costs', () => {
  const cost = (bytes: number, ms: number) => ({ bytes, ms, cpuMs: ms });
  const before: DecodeCosts = {
    pages: cost(1e6, 10),
    unpack: { raw: NONE, lz4: cost(1e6, 1), zstd: cost(1e6, 4) },
  };
  const costs: DecodeCosts = {
    pages: cost(3e6, 11),
    unpack: { raw: NONE, lz4: cost(1e6, 1), zstd: cost(2e6, 6) },
  };
  expect(destinationSpeed(costs)).toEqual({
    nsPerPageByte: 11 / 3,
    unpackNsPerByte: { lz4: 1, zstd: 3 },
  });
  expect(destinationSpeed(costs, undefined, 2)).toEqual({
    nsPerPageByte: 11 / 6,
    unpackNsPerByte: { lz4: 0.5, zstd: 1.5 },
  });
  // LZ4 was not used since: it costs what it cost before.
  expect(destinationSpeed(costs, before)).toEqual({
    nsPerPageByte: 0.5,
    unpackNsPerByte: { lz4: 1, zstd: 2 },
  });
  expect(destinationSpeed(costs, costs)).toBeUndefined();
});

describe('the option `destination` of an encoder', () => {
  const SPEED: DestinationSpeed = { nsPerPageByte: 1, unpackNsPerByte: { zstd: 2 } };

  test('is what strategies see, as it is at every choice', async () => {
    const seen: (DestinationSpeed | undefined)[] = [];
    const strategy: Strategy = {
      name: 'looks',
      choose: () => 'group',
      pack: (_, { destination }) => {
        seen.push(destination);
        return { name: 'lz4' };
      },
    };
    let reported: DestinationSpeed | undefined;
    const encoder = await createEncoder(() => {}, { strategy, destination: () => reported });
    encoder.beginImage('a');
    await encoder.write(IMAGE.subarray(0, 40 * PAGE));
    await encoder.flush();
    reported = SPEED;
    await encoder.write(IMAGE.subarray(0, 40 * PAGE).map((byte) => byte ^ 1));
    await encoder.flush();
    await encoder.close();
    expect(seen[0]).toBeUndefined();
    expect(seen.at(-1)).toBe(SPEED);
  });

  test.each([
    [{ ...SPEED, nsPerPageByte: -1 }, 'destination.nsPerPageByte: expected 0'],
    [{ ...SPEED, unpackNsPerByte: { lz4: Number.NaN } }, 'destination.unpackNsPerByte.lz4: expected 0'],
  ])('refuses %o', async (destination, message) => {
    await expect(createEncoder(() => {}, { destination })).rejects.toThrow(message);
  });
});
