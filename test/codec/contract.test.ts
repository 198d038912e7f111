import { describe, expect, test } from 'vitest';
import { createCodecContext, type PageCodec } from '../../src/codec/codec.js';
import { CODECS, codecByName, codecByWireId, isCodecName } from '../../src/codec/registry.js';
import { PageferryError } from '../../src/index.js';
import { STATUS } from '../../src/kernels/status.js';
import { seeded, testKernels } from '../support/kernels.js';
import { baseOf, pageKinds } from './harness.js';

/** What streams call the codecs, for ever. A line here may be added, never changed. */
const WIRE_IDS = {
  raw: 0,
  zero: 1,
  fill: 2,
  'same-as': 3,
  unchanged: 4,
  rle: 5,
  'zero-aware': 6,
  xbzrle: 7,
  similar: 8,
  wkdm: 9,
  lz4: 10,
  zstd: 11,
};

const PAGE_SIZES = [4096, 16384, 65536];
const PARTIAL_SIZES = [1, 2, 3, 5, 16, 100, 1000, 4095, 4104, 65535];
const CANARY = 0xa5;
const CANARY_BYTES = 256;
const BUFFER_BYTES = 2 * 65536;

/** A codec's encode and decode, called on byte arrays; both check the canaries around their output. */
async function rig(codec: PageCodec) {
  const kernels = await testKernels();
  const context = createCodecContext(kernels);
  const { bytes: memory } = kernels;
  const at = (name: string) => kernels.reserve(BUFFER_BYTES, name);
  const [page, base, coded, out] = [at('page'), at('base'), at('coded'), at('output') + CANARY_BYTES];
  const guarded = (capacity: number, call: () => number) => {
    const canaries = [
      memory.subarray(out - CANARY_BYTES, out),
      memory.subarray(out + capacity, out + capacity + CANARY_BYTES),
    ];
    for (const side of canaries) side.fill(CANARY);
    const status = call();
    for (const side of canaries)
      if (side.some((byte) => byte !== CANARY))
        throw new Error(`${codec.name} wrote outside its ${capacity} bytes`);
    return { status, bytes: memory.slice(out, out + Math.max(0, status)) };
  };
  return {
    encode(content: Uint8Array, last: Uint8Array, capacity: number) {
      memory.set(content, page);
      memory.set(last, base);
      return guarded(capacity, () => codec.encode!(context, page, content.length, out, capacity, base));
    },
    decode(content: Uint8Array, last: Uint8Array, pageBytes: number) {
      memory.set(content, coded);
      memory.fill(0x11, coded + content.length, coded + content.length + 64);
      return guarded(pageBytes, () => {
        memory.set(last.subarray(0, pageBytes), out);
        return codec.decode!(context, coded, content.length, out, pageBytes);
      });
    },
  };
}

test('wire ids are what they always were', () => {
  expect(Object.fromEntries(CODECS.map(({ name, wireId }) => [name, wireId]))).toEqual(WIRE_IDS);
  CODECS.forEach(({ wireId }, place) => {
    expect(wireId).toBe(place);
  });
});

test('a codec is found by its name and by its id, and only by these', () => {
  for (const codec of CODECS) {
    expect(codecByName(codec.name)).toBe(codec);
    expect(codecByWireId(codec.wireId)).toBe(codec);
    expect(isCodecName(codec.name)).toBe(true);
  }
  expect(isCodecName('toString')).toBe(false);
  expect(() => codecByName('zip')).toThrow(/unknown codec "zip": expected one of raw, zero/);
  for (const id of [CODECS.length, 255, -1, 1.5]) expect(() => codecByWireId(id)).toThrow(PageferryError);
  expect(() => codecByWireId(200)).toThrow('codec id 200: this version knows 0 … 11');
});

test('a codec with bytes of its own can encode and decode, and no other can', () => {
  for (const { name, operands, encode, decode } of CODECS) {
    expect(encode !== undefined, name).toBe(operands.bytes !== undefined);
    expect(decode !== undefined, name).toBe(operands.bytes !== undefined);
  }
});

describe.each(CODECS.filter(({ encode }) => encode).map((codec) => [codec.name, codec] as const))(
  '%s',
  (name, codec) => {
    test('brings back every kind of page of every size', async () => {
      const it = await rig(codec);
      for (const bytes of [...PAGE_SIZES, ...PARTIAL_SIZES])
        for (const [kind, page] of Object.entries(pageKinds(bytes, bytes))) {
          const where = `${kind}, ${bytes} bytes`;
          const base = baseOf(page, bytes);
          const { status, bytes: coded } = it.encode(page, base, BUFFER_BYTES - 1024);
          // A codec may refuse a partial page; an encoded whole page always fits this capacity.
          if (status === STATUS.OUTPUT_FULL && PARTIAL_SIZES.includes(bytes)) continue;
          expect(status, where).toBeGreaterThanOrEqual(0);
          const back = it.decode(coded, base, bytes);
          expect(back.status, where).toBe(bytes);
          expect(Buffer.compare(back.bytes, page), where).toBe(0);
        }
    });

    test('keeps within its capacity, and needs no more than it uses', async () => {
      const it = await rig(codec);
      for (const bytes of [64, 4096])
        for (const [kind, page] of Object.entries(pageKinds(bytes, 7))) {
          const base = baseOf(page, 7);
          const full = it.encode(page, base, BUFFER_BYTES - 1024);
          const needed = full.status;
          for (const capacity of [
            0,
            1,
            2,
            15,
            needed >> 1,
            needed - 17,
            needed - 1,
            needed,
            needed + 1,
            needed + 16,
          ]) {
            if (capacity < 0) continue;
            const { status, bytes: coded } = it.encode(page, base, capacity);
            expect(status, `${kind} into ${capacity} of ${needed}`).toBe(
              capacity >= needed ? needed : STATUS.OUTPUT_FULL,
            );
            if (capacity >= needed) expect(Buffer.compare(coded, full.bytes)).toBe(0);
          }
        }
    });

    test('refuses input that is cut short or goes on', async () => {
      const it = await rig(codec);
      const random = seeded(3);
      for (const bytes of [48, 4096])
        for (const [kind, page] of Object.entries(pageKinds(bytes, 5))) {
          const base = baseOf(page, 5);
          const { bytes: coded } = it.encode(page, base, BUFFER_BYTES - 1024);
          const cuts = new Set([0, 1, 2, 3, coded.length - 1, coded.length >> 1, random() % coded.length]);
          for (const cut of cuts) {
            if (cut >= coded.length) continue;
            const { status } = it.decode(coded.subarray(0, cut), base, bytes);
            // A delta that ends between two changes is a smaller delta: the stream's checks know better.
            if (codec.base === 'none') expect(status, `${kind}: ${cut} of ${coded.length}`).toBeLessThan(0);
            else expect(status < 0 || status === bytes).toBe(true);
          }
          for (const more of [0, 1, 0x7f, 0xff]) {
            const { status } = it.decode(Uint8Array.of(...coded, more), base, bytes);
            expect(status, `${name}, ${kind}: one byte ${more} more`).toBeLessThan(0);
          }
          for (const other of [bytes - 4, bytes + 4]) {
            const { status } = it.decode(coded, base, other);
            expect(status < 0 || status === other, `${kind} as a page of ${other} bytes: ${status}`).toBe(
              true,
            );
          }
        }
    });
  },
);
