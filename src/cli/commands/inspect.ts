import fs from 'node:fs';
import { rangesBytes } from '../../image/container/range-table.js';
import { type InspectedImage, inspectImage } from '../../image/formats.js';
import type { ImageDetails } from '../../image/image-details.js';
import { PageferryError } from '../../page/error.js';
import type { PageSource } from '../../page/source.js';
import { printable } from '../../report/terminal/printable.js';
import { bytesText, percentText } from '../../report/terminal/units.js';
import { MAGIC } from '../../stream/format.js';
import { defineCommand } from '../command.js';
import { FORMAT_OPTION } from '../common-options.js';
import { JSON_OPTION } from '../json-option.js';
import { isPackedFile, type PackedImages, readPackedImages } from '../packed-images.js';
import { checkInputs } from '../paths.js';
import { printErrorLine, printOut, printPieces } from '../terminal.js';

const PAGE_BYTES = 4096;
/** Enough for a share that is right to some 5 percent. */
const SAMPLED_PAGES = 1024;
/** Ranges and kinds of notes in a report for people. */
const MAX_ROWS = 16;

export const command = defineCommand({
  name: 'inspect',
  summary: 'describe an image file: format, addresses, notes',
  operands: { label: 'IMAGE...', min: 1, max: Infinity },
  options: { format: FORMAT_OPTION, json: JSON_OPTION },
  details: [
    'The share of zero pages is estimated from 1024 pages. A file that pack refuses is described too, and the images of a packed file are listed.',
  ],
  async run({ values, operands, signal }) {
    checkInputs(operands);
    const { format, json } = values;
    const reports: Report[] = [];
    let failure: PageferryError | undefined;
    for (const path of operands) {
      try {
        reports.push(await inspected(path, format, signal));
      } catch (error) {
        if (!(error instanceof PageferryError)) throw error;
        if (failure) printErrorLine(`pageferry: ${failure.message}`);
        failure = error;
      }
    }
    // A file that cannot be opened does not hide the reports of the others.
    if (reports.length > 0 && json) await printPieces(jsonPieces(reports));
    else printOut(reports.map(textOf).join('\n'));
    if (failure) throw failure;
  },
});

async function inspected(path: string, format: string | undefined, signal: AbortSignal): Promise<Report> {
  const image = await inspectImage(path, format === undefined ? { signal } : { format, signal });
  try {
    const report = reportOf(path, image);
    const isKnown = image.format.name === 'none';
    const isShort = format === undefined && image.fileBytes < MAGIC.length;
    if (!(isKnown || isShort) || !isPackedFile(path)) return report;
    return packedReport(report, await readPackedImages(path, signal));
  } finally {
    image.source?.close();
  }
}

/** Report of one file. */
interface Report {
  readonly path: string;
  readonly format: string;
  readonly summary: string;
  readonly fileBytes: number;
  /** Undefined for a block device. */
  readonly bytesOnDisk: number | undefined;
  readonly memoryBytes: number | undefined;
  readonly sample: { readonly pages: number; readonly zeroPages: number } | undefined;
  readonly details: ImageDetails;
  readonly refusal: string | undefined;
  /** What a packed file has. */
  readonly packed?: PackedImages;
}

function reportOf(path: string, { format, fileBytes, details, source, refusal }: InspectedImage): Report {
  const stat = fs.statSync(path);
  return {
    path,
    format: format.name,
    summary: format.summary,
    fileBytes,
    bytesOnDisk: stat.isFile() ? stat.blocks * 512 : undefined,
    memoryBytes: source?.bytes,
    sample: source?.bytes ? sampleOf(source, source.bytes) : undefined,
    details,
    refusal: refusal?.message,
  };
}

/** Complete the report of a file that is not an image but has images. */
function packedReport(report: Report, packed: PackedImages): Report {
  const memoryBytes = packed.packedImages.reduce((sum, image) => sum + image.memoryBytes, 0);
  const summary = 'packed stream: pageferry unpack writes its images, pageferry verify checks them';
  return { ...report, format: 'packed', summary, memoryBytes, refusal: undefined, packed };
}

/** Read pages at equal distances and count those that are zero. */
function sampleOf(source: PageSource, bytes: number): Report['sample'] {
  if (!source.readAt) return undefined;
  const all = Math.ceil(bytes / PAGE_BYTES);
  const pages = Math.min(all, SAMPLED_PAGES);
  const page = new Uint8Array(PAGE_BYTES);
  let zeroPages = 0;
  for (let i = 0; i < pages; i++) {
    const read = source.readAt(page, Math.floor((i * all) / pages) * PAGE_BYTES);
    if (page.subarray(0, read).every((byte) => byte === 0)) zeroPages++;
  }
  return { pages, zeroPages };
}

/** One object, range by range: a file can have a million. */
function* jsonPieces(reports: readonly Report[]): Iterable<string> {
  yield '{"images":[';
  for (const [i, { details, sample, packed, ...report }] of reports.entries()) {
    const { ranges, ...others } = details;
    const sampled = sample && { sampledPages: sample.pages, zeroPages: sample.zeroPages };
    const object = JSON.stringify({ ...report, ...others, ...sampled, ...packed });
    yield `${i > 0 ? ',' : ''}${object.slice(0, -1)}`;
    if (ranges) {
      let separator = ',"ranges":[';
      if (ranges.length === 0) yield separator;
      for (const { address, bytes } of ranges) {
        yield `${separator}{"address":"0x${address.toString(16)}","bytes":${bytes}}`;
        separator = ',';
      }
      yield ']';
    }
    yield '}';
  }
  yield ']}\n';
}

function textOf(report: Report): string {
  const { path, format, summary, details, sample, refusal, packed } = report;
  const rows: [string, string][] = [];
  const row = (label: string, text: string | undefined) => {
    if (text !== undefined) rows.push([label, printable(text, { isOneLine: true })]);
  };
  row('format', `${format} (${summary})`);
  row('version', packed?.version ?? details.version);
  row('architecture', details.architecture);
  row('compression', details.compression);
  for (const [label, value] of Object.entries(details.facts ?? {})) row(label, String(value));
  row('file', fileText(report));
  row('memory', memoryText(report));
  for (const line of rangeLines(details)) row('', line);
  row('in the file', presentText(details));
  if (sample)
    row(
      'zero pages',
      `about ${percentText(sample.zeroPages, sample.pages)} (${sample.zeroPages} of ${sample.pages} pages read)`,
    );
  for (const [i, line] of noteLines(details).entries()) row(i === 0 ? 'notes' : '', line);
  for (const [label, line] of packed ? packedRows(packed) : []) row(label, line);
  row('not packed', refusal);
  const width = Math.max(...rows.map(([label]) => label.length));
  const lines = rows.map(([label, text]) => `  ${label.padEnd(width)}  ${text}\n`);
  return `${printable(path, { isOneLine: true })}\n${lines.join('')}`;
}

/** One row for each image: names are as long as paths. */
function* packedRows(packed: PackedImages): Iterable<[string, string]> {
  const { packedImages, baseImages, pageBytes, frames, maxFrameBytes } = packed;
  const pageCount = packedImages.reduce((sum, { pages }) => sum + pages, 0);
  yield ['pages', `${pageCount} of ${bytesText(pageBytes)}`];
  yield ['frames', `${frames}, of at most ${bytesText(maxFrameBytes)} unpacked`];
  yield ['images', String(packedImages.length)];
  for (const [i, image] of packedImages.slice(0, MAX_ROWS).entries()) {
    const { name, format, fileBytes, memoryBytes, pages, addressing, ranges } = image;
    const file = fileBytes === undefined ? '' : `, file of ${bytesText(fileBytes)}`;
    const addresses =
      ranges === undefined ? '' : ` in ${countText(ranges, 'range')} of ${addressing} addresses`;
    const memory = `${bytesText(memoryBytes)} of memory${addresses}, ${countText(pages, 'page')}`;
    yield [`image ${i}`, `${name}: ${format}${file}, ${memory}`];
  }
  const hidden = packedImages.length - MAX_ROWS;
  if (hidden > 0) yield ['', `${hidden} more (--json)`];
  for (const name of baseImages) yield ['base image', `${name}, which unpack needs (--base)`];
}

function fileText({ fileBytes, bytesOnDisk }: Report): string {
  const onDisk = bytesOnDisk !== undefined && bytesOnDisk < fileBytes;
  return `${bytesText(fileBytes)}${onDisk ? `, ${bytesText(bytesOnDisk)} on disk` : ''}`;
}

function memoryText({ memoryBytes, details }: Report): string | undefined {
  const { ranges, addressing } = details;
  const bytes = memoryBytes ?? (ranges && rangesBytes(ranges));
  if (bytes === undefined) return undefined;
  if (!ranges?.length) return bytesText(bytes);
  return `${bytesText(bytes)} in ${countText(ranges.length, 'range')} of ${addressing ?? 'physical'} addresses`;
}

function rangeLines({ ranges = [] }: ImageDetails): string[] {
  const lines: string[] = [];
  for (const { address, bytes } of ranges) {
    if (lines.length === MAX_ROWS) return [...lines, `${ranges.length - MAX_ROWS} more (--json)`];
    lines.push(
      `0x${address.toString(16)}-0x${(address + BigInt(bytes) - 1n).toString(16)}  ${bytesText(bytes)}`,
    );
  }
  return lines;
}

function presentText({ claimedBytes, presentBytes }: ImageDetails): string | undefined {
  if (claimedBytes === undefined || presentBytes === undefined) return undefined;
  const share = presentBytes < claimedBytes ? `: truncated, ${percentText(presentBytes, claimedBytes)}` : '';
  return `${bytesText(presentBytes)} of ${bytesText(claimedBytes)}${share}`;
}

function noteLines({ notes = [] }: ImageDetails): string[] {
  const lines = notes
    .slice(0, MAX_ROWS)
    .map(
      ({ name, type, count, bytes }) =>
        `${name} type 0x${type.toString(16)}: ${countText(count, 'note')}, ${bytesText(bytes)}`,
    );
  return notes.length > MAX_ROWS ? [...lines, `${notes.length - MAX_ROWS} more (--json)`] : lines;
}

function countText(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
