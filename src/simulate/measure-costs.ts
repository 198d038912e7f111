import { type CodecContext, createCodecContext, type PageCodec } from '../codec/codec.js';
import { packedLz4Capacity, unpackLz4 } from '../codec/lz4.js';
import { type CodecName, MEASURABLE_CODECS } from '../codec/registry.js';
import { loadZstd, zstdSet } from '../codec/zstd/load.js';
import type { Zstd } from '../codec/zstd.js';
import { PageIndex } from '../dedup/page-index.js';
import { SegmentPacker } from '../engine/pack/segment-packer.js';
import { Arena } from '../kernels/arena.js';
import { LAYOUT } from '../kernels/layout.generated.js';
import { nodeModule } from '../page/node-hooks.js';
import { type Costs, MEASURED_COSTS } from './costs.js';
import { type Content, ContentMaker } from './guest/content.js';
import { Random } from './random.js';

const PAGE = 4096;
/** Pages of a batch of a migration. */
const PAGES = 512;
const BYTES = PAGES * PAGE;
/** Capacity of the page index, as in a migration, and number of random digests to look up. */
const INDEX_PAGES = 1 << 17;
const LOOKUPS = 1 << 13;
/** Content of ten consecutive pages. */
const MIX: readonly Content[] = [
  ...Array<Content>(4).fill('pointers'),
  ...Array<Content>(3).fill('text'),
  ...Array<Content>(2).fill('code'),
  'random',
];
const LEVELS = [1, 3, 6, 9] as const;
const TLS_RECORD_BYTES = 16384;
/** Duration and minimum number of the samples of one cost, after the warm-up. */
const SAMPLE_MS = 25;
const MIN_SAMPLES = 5;
const WARM_UP_MS = 8;

/** Return the median ms of one `run`. */
async function medianMs(run: () => void): Promise<number> {
  // Yield, so that the event loop is blocked for one measurement at most.
  await new Promise((done) => setTimeout(done));
  let warmUps = 0;
  const warmUntil = performance.now() + WARM_UP_MS;
  do {
    run();
    warmUps++;
  } while (performance.now() < warmUntil);
  // A coarse clock, as in browsers, needs samples of at least a millisecond.
  const runs = Math.ceil(warmUps / WARM_UP_MS);
  const samples: number[] = [];
  const until = performance.now() + SAMPLE_MS;
  while (samples.length < MIN_SAMPLES || performance.now() < until) {
    const started = performance.now();
    for (let n = 0; n < runs; n++) run();
    samples.push((performance.now() - started) / runs);
  }
  samples.sort((a, b) => a - b);
  return samples[samples.length >> 1]!;
}

/** Kernel memory of the measurements, as addresses, and the objects that use it. */
interface Bench {
  readonly codec: CodecContext;
  readonly pages: number;
  /** Previous versions of the pages. */
  readonly versions: number;
  readonly classes: number;
  readonly digests: number;
  /** Buffers for one page, and for the output of all. */
  readonly page: number;
  readonly out: number;
  readonly unpacked: number;
  readonly profile: number;
  /** Random digests. */
  readonly lookups: number;
  readonly index: PageIndex;
  readonly packer: SegmentPacker;
  readonly zstd: Zstd;
}

async function createBench(): Promise<Bench> {
  const zstd = await loadZstd();
  const arena = new Arena();
  const codec = createCodecContext(arena);
  const bench: Bench = {
    codec,
    pages: arena.slot('pages', BYTES),
    versions: arena.slot('versions', BYTES),
    classes: arena.slot('classes', 2 * PAGES),
    digests: arena.slot('digests', 16 * PAGES),
    page: arena.slot('page', PAGE),
    out: arena.slot('coded', packedLz4Capacity(BYTES)),
    unpacked: arena.slot('unpacked', BYTES),
    profile: arena.slot('profile', LAYOUT.PROFILE_BYTES),
    lookups: arena.slot('digests to look up', 16 * LOOKUPS),
    index: new PageIndex(arena, PAGE, INDEX_PAGES, 4 * INDEX_PAGES, PAGES),
    packer: new SegmentPacker(arena, codec, zstdSet(), BYTES),
    zstd,
  };
  const kernels = await arena.allocate();
  const content = new ContentMaker(1, PAGE);
  for (let page = 0; page < PAGES; page++) {
    const kind = MIX[page % MIX.length]!;
    [bench.versions, bench.pages].forEach((first, version) => {
      const at = first + page * PAGE;
      content.fill(kernels.bytes.subarray(at, at + PAGE), kind, page, version);
    });
  }
  return bench;
}

/** Call `each` with the address and number of every page. */
function forPages(first: number, each: (address: number, page: number) => void): void {
  for (let page = 0; page < PAGES; page++) each(first + page * PAGE, page);
}

/** Return the µs to encode a page, and to decode a page that could be encoded. */
async function codecUs({ codec, pages, versions, page, out }: Bench, { encode, decode, base }: PageCodec) {
  const { bytes } = codec.kernels;
  const coded: [at: number, bytes: number, base: number][] = [];
  const encodeMs = await medianMs(() => {
    coded.length = 0;
    forPages(pages, (at, number) => {
      const before = base === 'none' ? 0 : versions + number * PAGE;
      const length = encode!(codec, at, PAGE, out + number * PAGE, PAGE - 1, before);
      if (length >= 0) coded.push([out + number * PAGE, length, before]);
    });
  });
  const decodeMs = await medianMs(() => {
    for (const [at, length, before] of coded) {
      // A receiver copies the base to the page's buffer and applies the delta in place.
      if (before !== 0) bytes.copyWithin(page, before, before + PAGE);
      decode!(codec, at, length, page, PAGE);
    }
  });
  return { encodeUs: (1000 * encodeMs) / PAGES, decodeUs: (1000 * decodeMs) / Math.max(1, coded.length) };
}

async function codecCosts(bench: Bench): Promise<Pick<Costs, 'encodeUs' | 'decodeUs'>> {
  const encodeUs: Partial<Record<CodecName, number>> = {};
  const decodeUs: Partial<Record<CodecName, number>> = {};
  for (const codec of MEASURABLE_CODECS) {
    const us = await codecUs(bench, codec);
    // Deltas against other pages are encoded while they are searched: `similarUs` includes them.
    if (codec.base !== 'reference') encodeUs[codec.name] = us.encodeUs;
    // A page of a packed segment is decoded with its segment.
    if (codec.family !== 'packing') decodeUs[codec.name] = us.decodeUs;
  }
  return { encodeUs, decodeUs };
}

async function dedupCosts(
  bench: Bench,
): Promise<Pick<Costs, 'copyUs' | 'scanUs' | 'lookupUs' | 'similarUs' | 'profileUs'>> {
  const { codec, pages, versions, classes, digests, out, index, profile, lookups } = bench;
  const { run, bytes, words } = codec.kernels;
  const outside = new Uint8Array(2 * BYTES);
  // Into the kernels' memory and out of it, as from a guest to a socket.
  const copyMs = await medianMs(() => {
    for (let at = 0; at < BYTES; at += PAGE) bytes.set(outside.subarray(at, at + PAGE), out + at);
    for (let at = 0; at < BYTES; at += PAGE)
      outside.set(bytes.subarray(pages + at, pages + at + PAGE), BYTES + at);
  });
  const scanMs = await medianMs(() => {
    run.scanPages(pages, PAGES, PAGE, classes);
    run.hash128Pages(pages, PAGES, PAGE, classes, digests);
  });
  const random = new Random(1);
  for (let i = 0; i < 4 * LOOKUPS; i++) words[(lookups >>> 2) + i] = random.nextWord();
  const lookupMs = await medianMs(() => {
    for (let i = 0; i < LOOKUPS; i++) {
      index.find(lookups + 16 * i);
      index.insert(lookups + 16 * i, 0, i);
    }
  });
  forPages(versions, (at, number) => index.insertSketch(at, 0, number));
  const similarMs = await medianMs(() =>
    forPages(pages, (at, number) => {
      const found = index.findSimilar(at);
      for (let i = 0; i < found; i++)
        run.xbzrleEncode(versions + index.candidates[i]!.page * PAGE, at, PAGE, out, PAGE - 1);
      index.insertSketch(at, 0, number, true);
    }),
  );
  const profileMs = await medianMs(() =>
    forPages(pages, (at, i) => run.profilePage(at, versions + i * PAGE, PAGE, profile)),
  );
  const us = (ms: number) => (1000 * ms) / PAGES;
  return {
    copyUs: us(copyMs),
    scanUs: us(scanMs),
    lookupUs: (1000 * lookupMs) / LOOKUPS,
    similarUs: us(similarMs),
    profileUs: us(profileMs),
  };
}

async function packingCosts(bench: Bench): Promise<Pick<Costs, 'packBytesPerMs' | 'unpackBytesPerMs'>> {
  const { codec, pages, out, unpacked, packer, zstd } = bench;
  const { bytes } = codec.kernels;
  const segment = bytes.subarray(pages, pages + BYTES);
  const rate = async (run: () => void) => BYTES / (await medianMs(run));
  const packed = packer.pack(segment, { name: 'lz4' }, pages).bytes.slice();
  bytes.set(packed, out);
  const packBytesPerMs: Record<string, number> = {
    lz4: await rate(() => packer.pack(segment, { name: 'lz4' }, pages)),
  };
  const lz4 = await rate(() => unpackLz4(codec, out, packed.length, unpacked, BYTES));
  for (const level of LEVELS)
    packBytesPerMs[`zstd:${level}`] = await rate(() => packer.pack(segment, { name: 'zstd', level }, pages));
  const frame = zstd.compress(segment, 3).slice();
  return { packBytesPerMs, unpackBytesPerMs: { lz4, zstd: await rate(() => zstd.decompress(frame, BYTES)) } };
}

/** Return the rate of AES-256-GCM in TLS records; the default where there is no node:crypto. */
async function encryptionRate({ codec, pages }: Bench): Promise<number> {
  const crypto = nodeModule<typeof import('node:crypto')>('node:crypto');
  if (!crypto) return MEASURED_COSTS.encryptBytesPerMs;
  const key = crypto.randomBytes(32);
  const nonce = crypto.randomBytes(12);
  const records = Array.from({ length: BYTES / TLS_RECORD_BYTES }, (_, i) => {
    const at = pages + i * TLS_RECORD_BYTES;
    return codec.kernels.bytes.subarray(at, at + TLS_RECORD_BYTES);
  });
  const ms = await medianMs(() => {
    const cipher = crypto.createCipheriv('aes-256-gcm', key, nonce);
    for (const record of records) cipher.update(record);
    cipher.final();
  });
  return BYTES / ms;
}

/** Return runtime, processor and date, separated by commas. */
function measuredOn(): string {
  const os = nodeModule<typeof import('node:os')>('node:os');
  const program = os ? `Node ${process.versions.node}` : (globalThis.navigator?.userAgent ?? 'unknown');
  const processor = os?.cpus()[0]?.model.trim();
  return [program, processor, new Date().toISOString().slice(0, 10)].filter(Boolean).join(', ');
}

/**
 * Measure the costs of this machine, in about a second: medians, on pages with the content of synthetic
 * guests. Simulations with measured costs describe this machine, but differ from run to run.
 */
export async function measureCosts(): Promise<Costs> {
  const bench = await createBench();
  return {
    name: measuredOn(),
    ...(await dedupCosts(bench)),
    ...(await codecCosts(bench)),
    ...(await packingCosts(bench)),
    encryptBytesPerMs: await encryptionRate(bench),
  };
}
