// A trace: the pages of mounted images that were read, in the order of their first read. It is the working
// set of a guest that was started from the mount. A text file, so that common tools can read, join and cut
// it:
//
//   pageferry trace 1          format and version
//   image NAME BYTES           the following runs are of this image
//   FIRST COUNT                pages of 4 KiB, from page FIRST on
//   ...
import fs from 'node:fs';
import { ioError } from '../image/fs/errno.js';
import { badArgument, PageferryError } from '../page/error.js';
import { isSnapshotName } from './snapshot-name.js';

export const TRACE_PAGE_BYTES = 4096;

const HEAD = 'pageferry trace';
const VERSION = 1;
/** Largest trace that is read: over four million runs of pages. */
export const MAX_TRACE_BYTES = 64 << 20;

/** An image that can be mounted. */
export interface MountedImage {
  readonly name: string;
  readonly bytes: number;
}

/** Pages of one image that were read one after another. */
interface TraceRun {
  /** Number of the image among those of the trace. */
  readonly image: number;
  readonly first: number;
  readonly count: number;
}

/** The pages that were read, in order. */
export interface Trace {
  /** Name of the file, for messages. */
  readonly name: string;
  readonly images: readonly MountedImage[];
  readonly runs: readonly TraceRun[];
}

/** Records the first read of each page. */
export class TraceRecorder {
  private readonly seen: readonly Uint8Array[];
  private readonly runs: { image: number; first: number; count: number }[] = [];

  constructor(private readonly images: readonly MountedImage[]) {
    this.seen = images.map(({ bytes }) => new Uint8Array(Math.ceil(bytes / TRACE_PAGE_BYTES / 8)));
  }

  /** Record a read. */
  add(image: number, offset: number, bytes: number): void {
    const seen = this.seen[image]!;
    const end = Math.ceil((offset + bytes) / TRACE_PAGE_BYTES);
    for (let page = Math.floor(offset / TRACE_PAGE_BYTES); page < end; page++) {
      const bit = 1 << (page & 7);
      if (seen[page >>> 3]! & bit) continue;
      seen[page >>> 3]! |= bit;
      const last = this.runs.at(-1);
      if (last && last.image === image && last.first + last.count === page) last.count++;
      else this.runs.push({ image, first: page, count: 1 });
    }
  }

  finish(): Trace {
    return {
      name: 'trace',
      images: this.images.map(({ name, bytes }) => ({ name, bytes })),
      runs: this.runs,
    };
  }
}

/** Return the text of a trace. */
export function traceText({ images, runs }: Trace): string {
  const lines = [`${HEAD} ${VERSION}`];
  let current = -1;
  for (const { image, first, count } of runs) {
    if (image !== current) lines.push(`image ${images[image]!.name} ${images[image]!.bytes}`);
    current = image;
    lines.push(`${first} ${count}`);
  }
  return `${lines.join('\n')}\n`;
}

/** Read a trace file. @throws PageferryError `io`; `bad-image` that names the line */
export function readTrace(path: string): Trace {
  let text: string;
  try {
    const { size } = fs.statSync(path);
    if (size > MAX_TRACE_BYTES)
      throw new PageferryError('limit', `${path}: a trace of ${size} bytes, more than ${MAX_TRACE_BYTES}`);
    text = fs.readFileSync(path, 'utf8');
  } catch (cause) {
    throw cause instanceof PageferryError ? cause : ioError(path, 'cannot read', cause);
  }
  return parseTrace(text, path);
}

/** Parse a trace. @throws PageferryError `bad-image` that names the line; `unsupported`: another version */
export function parseTrace(text: string, name: string): Trace {
  const lines = text.split('\n');
  const bad = (line: number, found: string) =>
    new PageferryError('bad-image', `${name}, line ${line + 1}: ${found}`);
  const version = /^pageferry trace (\d{1,9})$/.exec(lines[0]!)?.[1];
  if (version === undefined)
    throw bad(0, `is not "${HEAD} ${VERSION}": not a trace, which mount --record writes`);
  if (Number(version) !== VERSION)
    throw new PageferryError(
      'unsupported',
      `${name}: a trace of version ${version}, this program reads ${VERSION}`,
    );
  if (lines.at(-1) !== '') throw bad(lines.length - 1, 'is not complete: the trace was truncated');
  const images: MountedImage[] = [];
  const runs: TraceRun[] = [];
  const numbers = new Map<string, number>();
  let image = -1;
  for (let line = 1; line < lines.length - 1; line++) {
    const run = /^(\d{1,15}) (\d{1,15})$/.exec(lines[line]!);
    if (run) {
      const [first, count] = [Number(run[1]), Number(run[2])];
      const pages = image < 0 ? 0 : Math.ceil(images[image]!.bytes / TRACE_PAGE_BYTES);
      if (image < 0) throw bad(line, 'pages of no image');
      if (count === 0 || first + count > pages)
        throw bad(line, `pages ${first} to ${first + count - 1} of an image of ${pages} pages`);
      runs.push({ image, first, count });
      continue;
    }
    const head = /^image (\S+) (\d{1,15})$/.exec(lines[line]!);
    if (!head || !isSnapshotName(head[1]!))
      throw bad(line, 'is neither "image NAME BYTES" nor "FIRST COUNT"');
    const bytes = Number(head[2]);
    const known = numbers.get(head[1]!);
    if (known !== undefined && images[known]!.bytes !== bytes)
      throw bad(line, `image ${head[1]} has ${bytes} bytes, and ${images[known]!.bytes} before`);
    image = known ?? images.push({ name: head[1]!, bytes }) - 1;
    numbers.set(head[1]!, image);
  }
  return { name, images, runs };
}

/**
 * Return the runs of a trace that are of image `name`, which has `bytes` bytes. A trace of a single image is
 * used for `name` whatever its image is called.
 * @throws PageferryError `bad-argument` if there is none, or it is of a larger image
 */
export function traceOf(trace: Trace, name: string, bytes: number): Trace {
  const wanted = trace.images.length === 1 ? 0 : trace.images.findIndex((image) => image.name === name);
  const image = trace.images[wanted];
  if (!image) throw badArgument(`${trace.name}: is not of an image ${name}; record one of it`);
  if (image.bytes > bytes)
    throw badArgument(`${trace.name}: is of an image of ${image.bytes} bytes, ${name} has ${bytes}`);
  const runs = trace.runs.filter((run) => run.image === wanted).map((run) => ({ ...run, image: 0 }));
  return { name: trace.name, images: [{ name, bytes: image.bytes }], runs };
}

/**
 * Return the number, among `images`, of each image of a trace. A trace of a single image is used for a single
 * mounted image whatever both are called: a template's trace for a clone of it.
 * @throws PageferryError `bad-argument` if an image is missing or too small
 */
export function matchImages(trace: Trace, images: readonly MountedImage[]): number[] {
  const { name } = trace;
  return trace.images.map((wanted) => {
    const isOnly = trace.images.length === 1 && images.length === 1;
    const number = isOnly ? 0 : images.findIndex((image) => image.name === wanted.name);
    const found = images[number];
    if (!found) throw badArgument(`${name}: is of an image ${wanted.name}, which is not mounted`);
    if (found.bytes < wanted.bytes)
      throw badArgument(`${name}: is of an image of ${wanted.bytes} bytes, ${found.name} has ${found.bytes}`);
    return number;
  });
}
