import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { KernelExports } from '../../src/kernels/exports.js';
import { testKernels } from '../support/kernels.js';

// Runs the worked examples of docs/codecs/*.md, so that they cannot rot. An example is a fenced block
// ```example of fields `page`, `base` (optional) and `encoded`; a field is bytes in hex, HH*N for a byte
// repeated N times, and may go on in indented lines.

interface Example {
  readonly page: Uint8Array;
  readonly base: Uint8Array;
  readonly encoded: Uint8Array;
}

interface Slots {
  readonly page: number;
  readonly base: number;
  readonly encoded: number;
  readonly scratch: number;
}

/**
 * Encode reads `page` (and `base`), decode reads `encoded` and writes `page`, which holds the base before.
 */
const KERNELS: Record<string, { encode(run: KernelExports, at: Slots, n: number): number; decode: Decode }> =
  {
    rle: {
      encode: (run, at, n) => run.rleEncode(at.page, n, at.encoded, 70000),
      decode: (run, at, bytes, n) => run.rleDecode(at.encoded, bytes, at.page, n),
    },
    'zero-aware': {
      encode: (run, at, n) => run.zeroAwareEncode(at.page, n, at.encoded, 70000),
      decode: (run, at, bytes, n) => run.zeroAwareDecode(at.encoded, bytes, at.page, n),
    },
    xbzrle: {
      encode: (run, at, n) => run.xbzrleEncode(at.base, at.page, n, at.encoded, 70000),
      decode: (run, at, bytes, n) => run.xbzrleDecode(at.encoded, bytes, at.page, n),
    },
    wkdm: {
      encode: (run, at, n) => run.wkdmEncode(at.page, n, at.encoded, 70000, at.scratch),
      decode: (run, at, bytes, n) => run.wkdmDecode(at.encoded, bytes, at.page, n, at.scratch),
    },
    lz4: {
      encode: (run, at, n) => run.lz4Encode(at.page, n, at.encoded, 70000, at.scratch),
      decode: (run, at, bytes, n) => run.lz4Decode(at.encoded, bytes, at.page, n),
    },
  };
type Decode = (run: KernelExports, at: Slots, bytes: number, n: number) => number;

const folder = new URL('../../docs/codecs/', import.meta.url);

for (const file of readdirSync(folder).filter((name) => name.endsWith('.md'))) {
  const name = file.slice(0, -3);
  const examples = examplesIn(readFileSync(new URL(file, folder), 'utf8'), file);
  if (examples.length === 0 && !(name in KERNELS)) continue;

  test(`the examples in docs/codecs/${file} hold`, async () => {
    const kernel = KERNELS[name];
    if (!kernel) throw new Error(`${file}: has an example, but there is no kernel of that name to run it`);
    expect(examples.length, `${file}: worked examples`).toBeGreaterThan(0);
    const { run, bytes, reserve } = await testKernels();
    const at: Slots = {
      page: reserve(70000, 'page'),
      base: reserve(70000, 'base'),
      encoded: reserve(70000, 'encoded'),
      scratch: reserve(Math.max(run.WKDM_SCRATCH_BYTES.value, run.LZ4_SCRATCH_BYTES.value), 'scratch'),
    };
    for (const { page, base, encoded } of examples) {
      bytes.set(page, at.page);
      bytes.set(base, at.base);
      const written = kernel.encode(run, at, page.length);
      expect(hex(bytes.subarray(at.encoded, at.encoded + Math.max(0, written)))).toBe(hex(encoded));
      bytes.set(encoded, at.encoded);
      bytes.set(base, at.page);
      expect(kernel.decode(run, at, encoded.length, page.length)).toBe(page.length);
      expect(hex(bytes.subarray(at.page, at.page + page.length))).toBe(hex(page));
    }
  });
}

function examplesIn(text: string, file: string): Example[] {
  const blocks = [...text.matchAll(/^```example\n(.*?)^```/gms)].map((match) => match[1]!);
  return blocks.map((block) => {
    const fields = new Map<string, Uint8Array>();
    for (const field of block.split(/\n(?=\S)/)) {
      const [, key, tokens] = /^(page|base|encoded) *=(.*)$/s.exec(field.trimEnd()) ?? [];
      if (key === undefined || fields.has(key))
        throw new Error(`${file}: not a field of an example: ${field}`);
      fields.set(key, bytesOf(tokens!, file));
    }
    const page = fields.get('page');
    const encoded = fields.get('encoded');
    if (!page || !encoded) throw new Error(`${file}: an example needs page and encoded`);
    const base = fields.get('base') ?? new Uint8Array(page.length);
    if (base.length !== page.length)
      throw new Error(`${file}: base has ${base.length} bytes, page has ${page.length}`);
    return { page, base, encoded };
  });
}

function bytesOf(tokens: string, file: string): Uint8Array {
  const bytes = tokens
    .split(/\s+/)
    .filter(Boolean)
    .flatMap((token) => {
      const [, byte, count] = /^([0-9a-f]{2})(?:\*(\d+))?$/i.exec(token) ?? [];
      if (byte === undefined) throw new Error(`${file}: not a byte: ${token}`);
      return new Array<number>(Number(count ?? 1)).fill(Number.parseInt(byte, 16));
    });
  return Uint8Array.from(bytes);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
