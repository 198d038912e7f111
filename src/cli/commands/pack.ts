import { availableParallelism } from 'node:os';
import { digestText } from '../../dedup/image-digest.js';
import { createEncoder } from '../../engine/encode/create-encoder.js';
import type { Encoder } from '../../engine/encode/encoder.js';
import type { StreamSummary } from '../../engine/encode/summary.js';
import { openImage } from '../../image/formats.js';
import { type AtomicWriter, createAtomicWriter } from '../../image/fs/atomic-file.js';
import type { FileSource } from '../../image/raw.js';
import type { PageSource } from '../../page/source.js';
import { bytesText, msText, rateText } from '../../report/terminal/units.js';
import {
  type Args,
  checkInputs,
  outputPath,
  parse,
  parseBytes,
  parsePageBytes,
  parseRate,
  parseStrategy,
  parseWhole,
} from '../args.js';
import { type CodecTable, codecTable } from '../codec-table.js';
import { reportTo } from '../decode.js';
import { progress, watched } from '../progress.js';
import { UsageError } from '../usage.js';

const MAX_THREADS = 8;
const MAX_INDEX_PAGES = 2 ** 22;
/** Where an image's size is not known. */
const USUAL_INDEX_PAGES = 2 ** 18;
const MAX_BUDGET_BYTES = 2 ** 31;

export async function pack(argv: readonly string[]): Promise<void> {
  const args = parse('pack', argv, {
    output: { type: 'string', short: 'o' },
    strategy: { type: 'string' },
    link: { type: 'string' },
    base: { type: 'string', multiple: true },
    threads: { type: 'string' },
    'page-bytes': { type: 'string' },
    'delta-budget': { type: 'string' },
    json: { type: 'boolean' },
  });
  if (args.positionals.length === 0) throw new UsageError('pack: needs at least one IMAGE');
  const inputs = [...args.positionals, ...args.texts('base')];
  checkInputs('pack', inputs);
  const path = outputPath(args, 'pack', inputs);
  const options = encoderOptions(args);
  // Node's own threads, which read and run zstd, are four unless told before the first is started.
  process.env.UV_THREADPOOL_SIZE ??= String(Math.max(4, options.threads + 2));
  const sources: FileSource[] = [];
  const open = (image: string) => {
    const source = openImage(image);
    sources.push(source);
    return source;
  };
  try {
    const bases = args.texts('base').map(open);
    const images = args.positionals.map(open);
    const writer = createAtomicWriter(path);
    // What takes a pipe's bytes is a link that can be measured; a file stands for one that cannot.
    const linkBitsPerSecond = options.linkBitsPerSecond ?? (path === '-' ? 'measured' : 1e9);
    const summary = await packTo(writer, images, bases, { ...options, linkBitsPerSecond });
    report(summary, path, linkBitsPerSecond, args.flag('json'));
  } finally {
    for (const source of sources) source.close();
  }
}

type Options = ReturnType<typeof encoderOptions>;

function encoderOptions(args: Args) {
  const link = args.text('link');
  const threads = args.text('threads');
  const pageBytes = args.text('page-bytes');
  const budget = args.text('delta-budget');
  return {
    strategy: parseStrategy(args.text('strategy') ?? 'adaptive'),
    linkBitsPerSecond:
      link === 'auto' ? ('measured' as const) : link === undefined ? undefined : parseRate(link),
    threads:
      threads === undefined
        ? Math.min(availableParallelism(), MAX_THREADS)
        : parseWhole('--threads', threads, 1, 16),
    pageBytes: pageBytes === undefined ? 4096 : parsePageBytes(pageBytes),
    deltaBudgetBytes: budget === undefined ? 256 << 20 : parseBudget(budget),
  };
}

function parseBudget(text: string): number {
  const bytes = parseBytes('--delta-budget', text);
  if (bytes > MAX_BUDGET_BYTES)
    throw new UsageError(`--delta-budget: "${text}" is too much: expected at most 2G`);
  return bytes;
}

async function packTo(
  writer: AtomicWriter,
  images: readonly PageSource[],
  bases: readonly PageSource[],
  options: Options & { linkBitsPerSecond: number | 'measured' },
): Promise<StreamSummary> {
  const all = [...bases, ...images];
  const pages = all.reduce(
    (sum, { bytes }) => sum + (bytes === undefined ? USUAL_INDEX_PAGES : bytes / options.pageBytes),
    0,
  );
  // A file can be read again: only of what cannot are pages kept, to be compared with later ones.
  const forgetful = all.some(({ readAt }) => !readAt);
  const line = progress('packing');
  let failure: unknown;
  let encoder: Encoder | undefined;
  try {
    encoder = await createEncoder((parts) => writer.write(...parts), {
      ...options,
      deltaBudgetBytes: forgetful ? options.deltaBudgetBytes : 0,
      indexPages: Math.min(Math.max(pages, 1024), MAX_INDEX_PAGES),
      // One image alone has few pages that resemble each other.
      similar: all.length > 1,
    });
    for (const base of bases) await encoder.base(base);
    for (const image of watched(images, line.at)) await encoder.encode(image);
    const summary = await encoder.finish();
    await writer.commit();
    return summary;
  } catch (error) {
    failure = error;
    throw error;
  } finally {
    line.end();
    if (failure !== undefined) {
      await encoder?.close();
      writer.abort();
    }
  }
}

function report(summary: StreamSummary, path: string, link: number | 'measured', json: boolean): void {
  const out = reportTo(path);
  if (json) {
    const images = summary.images.map((image) => ({ ...image, digest: digestText(image.digest) }));
    out.write(`${JSON.stringify({ ...summary, images })}\n`);
    return;
  }
  for (const note of summary.notes) process.stderr.write(`pageferry: note: ${note}\n`);
  const { bytesIn, bytesOut, encodeMs } = summary;
  out.write(`${codecTable(summary.codecs as CodecTable)}\n\n`);
  const share = bytesIn === 0 ? '' : ` (${((100 * bytesOut) / bytesIn).toFixed(1)} %)`;
  out.write(`${bytesText(bytesIn)} in, ${bytesText(bytesOut)} out${share}, ${msText(encodeMs)} to encode`);
  if (link === 'measured') {
    out.write(' and to be taken by the link\n');
    return;
  }
  const linkMs = (bytesOut * 8000) / link;
  out.write('; ');
  out.write(
    `${msText(Math.max(encodeMs, linkMs))} over a link of ${rateText(link)}, ${msText((bytesIn * 8000) / link)} unpacked\n`,
  );
}
