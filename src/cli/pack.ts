import { existsSync, realpathSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { digestText } from '../dedup/image-digest.js';
import { createEncoder } from '../engine/create-encoder.js';
import type { StreamSummary } from '../engine/encoder.js';
import { type AtomicWriter, createAtomicWriter } from '../image/atomic-file.js';
import type { FileSource } from '../image/file.js';
import { openImage } from '../image/open.js';
import type { PageSource } from '../page/source.js';
import { type Args, parse, parseBytes, parseRate, parseWhole, required } from './args.js';
import { type CodecTable, codecTable } from './codec-table.js';
import { progress } from './progress.js';
import { bytesText, msText, rateText } from './text.js';
import { UsageError } from './usage.js';

const MOST_THREADS = 8;
const MOST_INDEX_PAGES = 2 ** 22;

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
  const path = required(args, 'pack', 'output');
  const options = encoderOptions(args);
  refuseOverwriting(path, [...args.positionals, ...args.texts('base')]);
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
    const summary = await packTo(writer, images, bases, options);
    report(summary, path, options.linkBitsPerSecond, args.flag('json'));
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
    strategy: args.text('strategy') ?? 'adaptive',
    linkBitsPerSecond: link === undefined ? 1e9 : parseRate(link),
    threads: threads === undefined ? Math.min(availableParallelism(), MOST_THREADS) : parseWhole('--threads', threads, 1, 16),
    pageBytes: pageBytes === undefined ? 4096 : parseBytes('--page-bytes', pageBytes),
    deltaBudgetBytes: budget === undefined ? 256 << 20 : parseBytes('--delta-budget', budget),
  };
}

async function packTo(
  writer: AtomicWriter,
  images: readonly PageSource[],
  bases: readonly PageSource[],
  options: Options,
): Promise<StreamSummary> {
  const all = [...bases, ...images];
  const pages = all.reduce((sum, { bytes = 0 }) => sum + bytes / options.pageBytes, 0);
  // A file can be read again: only what cannot needs its last versions kept.
  const forgetful = images.length > 1 && images.some(({ readAt }) => !readAt);
  const line = progress('packing');
  let failure: unknown;
  const encoder = await createEncoder((parts) => writer.write(...parts), {
    ...options,
    deltaBudgetBytes: forgetful ? options.deltaBudgetBytes : 0,
    indexPages: Math.min(Math.max(pages, 1024), MOST_INDEX_PAGES),
    // One image alone has few pages that resemble each other.
    similar: all.length > 1,
  });
  try {
    for (const base of bases) await encoder.base(base);
    let done = 0;
    const bytes = images.reduce((sum, image) => sum + (image.bytes ?? 0), 0);
    for (const image of images) {
      const told = (more: number) => {
        done += more;
        line.at(done, bytes);
      };
      await encoder.encode(watched(image, told));
    }
    const summary = await encoder.finish();
    await writer.commit();
    return summary;
  } catch (error) {
    failure = error;
    throw error;
  } finally {
    line.end();
    if (failure !== undefined) {
      await encoder.close();
      writer.abort();
    }
  }
}

/** The same source, telling how much was read. */
function watched(source: PageSource, told: (bytes: number) => void): PageSource {
  const { name, bytes, readAt } = source;
  return {
    name,
    ...(bytes === undefined ? {} : { bytes }),
    ...(readAt ? { readAt: readAt.bind(source) } : {}),
    async read(into) {
      const got = await source.read(into);
      told(got);
      return got;
    },
  };
}

function refuseOverwriting(path: string, inputs: readonly string[]): void {
  if (path === '-' || !existsSync(path) || !statSync(path).isFile()) return;
  const real = realpathSync(path);
  const same = inputs.find((input) => input !== '-' && existsSync(input) && realpathSync(input) === real);
  if (same !== undefined) throw new UsageError(`pack: -o ${path} is also an input`);
}

function report(summary: StreamSummary, path: string, link: number, json: boolean): void {
  // Standard output holds the stream itself when that is where it goes.
  const out = path === '-' ? process.stderr : process.stdout;
  if (json) {
    const images = summary.images.map((image) => ({ ...image, digest: digestText(image.digest) }));
    out.write(`${JSON.stringify({ ...summary, images })}\n`);
    return;
  }
  for (const note of summary.notes) process.stderr.write(`pageferry: note: ${note}\n`);
  const { bytesIn, bytesOut, encodeMs } = summary;
  const linkMs = (bytesOut * 8000) / link;
  out.write(`${codecTable(summary.codecs as CodecTable)}\n\n`);
  out.write(
    `${bytesText(bytesIn)} in, ${bytesText(bytesOut)} out (${((100 * bytesOut) / Math.max(1, bytesIn)).toFixed(1)} %), ${msText(encodeMs)} to encode; `,
  );
  out.write(
    `${msText(Math.max(encodeMs, linkMs))} over a link of ${rateText(link)}, ${msText((bytesIn * 8000) / link)} unpacked\n`,
  );
}
