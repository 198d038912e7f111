import { digestText } from '../../dedup/image-digest.js';
import { createEncoder } from '../../engine/encode/create-encoder.js';
import type { Encoder } from '../../engine/encode/encoder.js';
import type { StreamSummary } from '../../engine/encode/summary.js';
import { openDiff } from '../../image/diff.js';
import { type AtomicWriter, createAtomicWriter } from '../../image/fs/atomic-file.js';
import type { FileSource } from '../../image/image-file.js';
import { PageferryError } from '../../page/error.js';
import type { PageSource } from '../../page/source.js';
import { bytesText, msText, rateText } from '../../report/terminal/units.js';
import { STRATEGY_NAMES } from '../../strategy/registry.js';
import type { Strategy } from '../../strategy/strategy.js';
import { type CodecTable, codecTable } from '../codec-table.js';
import { defineCommand } from '../command.js';
import { FORMAT_OPTION, MAX_BYTES_OPTION, MODE_OPTION } from '../common-options.js';
import { IMAGE_DETAILS, REPORT_DETAILS } from '../details.js';
import { EXPLAIN_OPTION, openTimeline, type TimelineOutput } from '../explain.js';
import { JSON_OPTION } from '../json-option.js';
import { openInput } from '../open-input.js';
import { checkInputs, checkOutput } from '../paths.js';
import { createProgressLine, withProgress } from '../progress.js';
import { printErrorLine, reportStream } from '../terminal.js';
import { THREADS_OPTION, threadCount } from '../threads.js';
import { UsageError } from '../usage-error.js';
import { bitRate, byteCount, fileName, pageBytes, strategy } from '../values.js';

const MAX_INDEX_PAGES = 2 ** 22;
/** Index entries for an image of unknown size. */
const DEFAULT_INDEX_PAGES = 2 ** 18;

export const command = defineCommand({
  name: 'pack',
  summary: 'pack memory images into one stream',
  operands: { label: 'IMAGE...', min: 1, max: Infinity },
  options: {
    output: {
      short: 'o',
      value: 'FILE',
      help: 'packed file; - for standard output',
      parse: fileName,
      required: true,
    },
    strategy: {
      value: 'NAME',
      help: 'adaptive, smallest, characteristic, mecom, fixed:CODEC or fixed:zstd:LEVEL (zstd-node, zstd-wasm, zstd-page)',
      parse: strategy,
      names: STRATEGY_NAMES,
      default: 'adaptive',
    },
    link: {
      value: 'RATE',
      help: 'rate of the link to pack for; auto: measured while packing',
      parse: (text: string): number | 'measured' => (text === 'auto' ? 'measured' : bitRate(text)),
      defaultText: '1Gbit, or auto with -o -',
    },
    base: { value: 'IMAGE', help: 'image that the receiver has too', parse: fileName, repeatable: true },
    'diff-of': {
      value: 'IMAGE',
      help: 'image that the images are sparse diffs of (needs koffi)',
      parse: fileName,
    },
    threads: THREADS_OPTION,
    'page-bytes': { value: 'N', help: 'page size: 4096, 16384 or 65536', parse: pageBytes, default: '4096' },
    'delta-budget': {
      value: 'N',
      help: 'memory for earlier pages of inputs that cannot be read twice',
      parse: byteCount('2G'),
      default: '64M',
    },
    'frame-bytes': {
      value: 'N',
      help: 'largest frame, unpacked, 16K or more; 64K for images that are read by page',
      parse: byteCount('132M', '16K'),
      defaultText: '10.1M, or 130.1M with smallest',
    },
    'memory-only': { help: 'pack memory only, without headers, notes and registers' },
    format: FORMAT_OPTION,
    mode: MODE_OPTION,
    'max-bytes': MAX_BYTES_OPTION,
    explain: EXPLAIN_OPTION,
    json: JSON_OPTION,
  },
  details: [
    IMAGE_DETAILS,
    REPORT_DETAILS,
    'With --explain, the --json object has these rows too (timeline).',
  ],
  async run({ values, operands, signal }) {
    const diffOf = values['diff-of'];
    const inputs = [...operands, ...values.base, ...(diffOf === undefined ? [] : [diffOf])];
    checkInputs(inputs);
    if (diffOf !== undefined && inputs.includes('-'))
      throw new UsageError('--diff-of: standard input has no holes; name a sparse file');
    checkOutput(values.output, inputs);
    const threads = threadCount(values.threads);
    // A pipe's reader sets a rate that can be measured; a file is packed for a link that is not there yet.
    const linkBitsPerSecond = values.link ?? (values.output === '-' ? 'measured' : 1e9);
    checkFrameBytes(values['frame-bytes'], values['page-bytes']);
    const opened: FileSource[] = [];
    let timeline: TimelineOutput | undefined;
    const open = async (path: string) => {
      const source = await openInput(path, values.format, signal);
      opened.push(source);
      return source;
    };
    try {
      const bases: FileSource[] = [];
      for (const path of values.base) bases.push(await open(path));
      const images = await openImages(operands, diffOf, open, opened);
      if (values.explain !== undefined) timeline = openTimeline(values.explain, [...inputs, values.output]);
      const writer = createAtomicWriter(values.output, {
        signal,
        ...(values.mode !== undefined && { mode: values.mode }),
      });
      const summary = await packTo(writer, images, bases, {
        memoryOnly: values['memory-only'],
        strategy: values.strategy,
        linkBitsPerSecond,
        threads,
        pageBytes: values['page-bytes'],
        deltaBudgetBytes: values['delta-budget'],
        ...(values['frame-bytes'] !== undefined && { maxFrameBytes: values['frame-bytes'] }),
        maxImageBytes: values['max-bytes'],
        timeline: timeline !== undefined,
        signal,
      });
      await timeline?.write(summary.timeline!).catch((error: unknown) => {
        throw withPackedOutput(error, values.output);
      });
      report(summary, values.output, linkBitsPerSecond, values.json);
    } catch (error) {
      timeline?.abort();
      throw error;
    } finally {
      for (const source of opened) source.close();
    }
  },
});

/** Return the error of a timeline that cannot be written, which adds that the packed stream is complete. */
function withPackedOutput(error: unknown, output: string): unknown {
  if (!(error instanceof PageferryError)) return error;
  const where = output === '-' ? 'the packed stream' : output;
  return new PageferryError(
    error.code,
    `${error.message}; ${where} is complete, only the timeline is missing`,
    {
      cause: error,
    },
  );
}

/** Open the images, or the images that diffs and the image that they are diffs of are together. */
async function openImages(
  paths: readonly string[],
  diffOf: string | undefined,
  open: (path: string) => Promise<FileSource>,
  opened: FileSource[],
): Promise<FileSource[]> {
  const parent = diffOf === undefined ? undefined : await open(diffOf);
  const images: FileSource[] = [];
  for (const path of paths) {
    const image = parent ? openDiff(path, parent) : await open(path);
    if (parent) opened.push(image);
    images.push(image);
  }
  return images;
}

interface PackOptions {
  readonly strategy: Strategy;
  readonly linkBitsPerSecond: number | 'measured';
  readonly threads: number;
  readonly pageBytes: number;
  readonly deltaBudgetBytes: number;
  readonly maxFrameBytes?: number;
  readonly maxImageBytes: number;
  readonly timeline: boolean;
  /** Leave out what is not memory in the images' files. */
  readonly memoryOnly: boolean;
  readonly signal: AbortSignal;
}

async function packTo(
  writer: AtomicWriter,
  images: readonly FileSource[],
  bases: readonly PageSource[],
  options: PackOptions,
): Promise<StreamSummary> {
  const { memoryOnly, ...encoderOptions } = options;
  const all = [...bases, ...images];
  const pages = all.reduce(
    (sum, { bytes }) => sum + (bytes === undefined ? DEFAULT_INDEX_PAGES : bytes / options.pageBytes),
    0,
  );
  // Files can be read again; only pages of pipes are kept for comparison with later ones.
  const hasPipes = all.some(({ readAt }) => !readAt);
  const line = createProgressLine('packing');
  let encoder: Encoder | undefined;
  let isWritten = false;
  try {
    encoder = await createEncoder((parts) => writer.write(...parts), {
      ...encoderOptions,
      maxWrites: writer.maxWrites,
      deltaBudgetBytes: hasPipes ? options.deltaBudgetBytes : 0,
      indexPages: Math.min(Math.max(pages, 1024), MAX_INDEX_PAGES),
      expectedBytes: images.reduce((sum, { bytes = 0 }) => sum + bytes, 0),
      // A single image has few pages that resemble each other.
      similar: all.length > 1,
    });
    for (const base of bases) await encoder.base(base);
    for (const [i, image] of withProgress(images, line.onBytes).entries()) {
      const file = images[i]!;
      const container = memoryOnly ? undefined : file.container;
      if (!memoryOnly && 'container' in file && !container)
        printErrorLine(
          `pageferry: note: ${file.note ?? `${file.name}: too many pages to keep the file: packed as its memory alone`}`,
        );
      await container?.prepare?.(createProgressLine('comparing compressed pages').onBytes);
      await encoder.encode(image, { container, isLast: i === images.length - 1 });
    }
    const summary = await encoder.finish();
    await writer.commit();
    isWritten = true;
    return summary;
  } finally {
    line.end();
    if (!isWritten) {
      await encoder?.close();
      writer.abort();
    }
  }
}

function report(summary: StreamSummary, path: string, link: number | 'measured', json: boolean): void {
  const print = reportStream(path);
  if (json) {
    const images = summary.images.map((image) => ({ ...image, digest: digestText(image.digest) }));
    print(`${JSON.stringify({ ...summary, images })}\n`);
    return;
  }
  for (const note of summary.notes) printErrorLine(`pageferry: note: ${note}`);
  print(`${codecTable(summary.codecs as CodecTable)}\n\n${totalText(summary, link)}\n`);
}

/**
 * "512.0 MiB in, 118.0 MiB out (23.0 %), encoded in 1.20 s; at 1 Gbit/s: 1.20 s packed, 4.29 s uncompressed"
 */
function totalText({ bytesIn, bytesOut, encodeMs }: StreamSummary, link: number | 'measured'): string {
  const share = bytesIn === 0 ? '' : ` (${((100 * bytesOut) / bytesIn).toFixed(1)} %)`;
  const sizes = `${bytesText(bytesIn)} in, ${bytesText(bytesOut)} out${share}`;
  if (link === 'measured') return `${sizes}, encoded and sent in ${msText(encodeMs)} (measured link rate)`;
  const packedMs = Math.max(encodeMs, (bytesOut * 8000) / link);
  const uncompressedMs = (bytesIn * 8000) / link;
  return `${sizes}, encoded in ${msText(encodeMs)}; at ${rateText(link)}: ${msText(packedMs)} packed, ${msText(uncompressedMs)} uncompressed`;
}

/** @throws UsageError when a frame of `frameBytes` cannot have two pages */
function checkFrameBytes(frameBytes: number | undefined, pageBytes: number | undefined): void {
  if (frameBytes === undefined || pageBytes === undefined || frameBytes >= 2 * pageBytes) return;
  throw new UsageError(`--frame-bytes: a frame has two pages or more; at least ${(2 * pageBytes) / 1024}K`);
}
