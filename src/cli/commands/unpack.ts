import { digestText } from '../../dedup/image-digest.js';
import { openPages } from '../../engine/page-reader/open-pages.js';
import { openImage } from '../../image/formats.js';
import { createFileSink } from '../../image/fs/file-sink.js';
import { createImageSet, createReadableSink } from '../../image/fs/image-set.js';
import { createScratchSink } from '../../image/fs/scratch-sink.js';
import { openFileSource } from '../../image/raw.js';
import { PageferryError } from '../../page/error.js';
import type { PageSink } from '../../page/source.js';
import { bytesText } from '../../report/terminal/units.js';
import { checkInputs, outputPath, parse, parseWhole } from '../args.js';
import { decodeFile, named, reportDecoded, reportTo } from '../decode.js';
import { onInterrupt } from '../interrupt.js';
import { UsageError } from '../usage.js';

export async function unpack(argv: readonly string[]): Promise<void> {
  const args = parse('unpack', argv, {
    output: { type: 'string', short: 'o' },
    image: { type: 'string' },
    pages: { type: 'string' },
    base: { type: 'string', multiple: true },
    json: { type: 'boolean' },
  });
  const [file, ...more] = args.positionals;
  if (file === undefined || more.length > 0) throw new UsageError('unpack: needs one FILE');
  const bases = args.texts('base');
  checkInputs('unpack', [file, ...bases]);
  const path = outputPath(args, 'unpack', [file]);
  const image = args.text('image');
  const pages = args.text('pages');
  if (image !== undefined || pages !== undefined) {
    const number = image === undefined ? 0 : parseWhole('--image', image, 0, 0xffffffff);
    await unpackOne(
      file,
      path,
      bases,
      number,
      pages === undefined ? undefined : parsePages(pages),
      args.flag('json'),
    );
    return;
  }
  const images = createImageSet(path);
  const unhook = onInterrupt(() => images.discard());
  try {
    const summary = await decodeFile(file, bases, 'unpacking', (number) => images.open(number));
    images.settle(summary.images.length);
    reportDecoded(summary, args.flag('json'), path);
  } finally {
    unhook();
    images.discard();
  }
}

/** `17` or `0-255`, first and last. */
function parsePages(text: string): { first: number; count: number } {
  const match = /^(\d+)(?:-(\d+))?$/.exec(text);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? first);
  if (!match || last < first) throw new UsageError(`--pages: expected A-B, got "${text}"`);
  return { first, count: last - first + 1 };
}

/** One image, or some of its pages, through the file's index; a pipe has none at hand and is decoded whole. */
async function unpackOne(
  file: string,
  path: string,
  basePaths: readonly string[],
  image: number,
  range: { first: number; count: number } | undefined,
  json: boolean,
): Promise<void> {
  const source = openFileSource(file);
  const bases = source.readAt ? basePaths.map(openImage) : [];
  try {
    if (!source.readAt) {
      if (range) throw new UsageError('unpack: --pages needs a file, a pipe cannot be read anywhere');
      source.close();
      await unpackFromPipe(file, path, basePaths, image, json);
      return;
    }
    const reader = await openPages(source, { bases });
    const out = reportTo(path);
    const found = reader.images[image];
    if (!found)
      throw new PageferryError(
        'bad-argument',
        `${source.name}: has ${reader.images.length} images, no image ${image}`,
      );
    if (range && range.first + range.count > found.pages)
      throw new PageferryError(
        'bad-argument',
        `${source.name}: image ${image} has ${found.pages} pages, no page ${range.first + range.count - 1}`,
      );
    const bytes = await reader.extract(image, createFileSink(path), range?.first, range?.count);
    const summary = {
      bytesIn: source.bytes ?? 0,
      bytesOut: bytes,
      pages: range?.count ?? found.pages,
      name: found.name,
    };
    if (json) out.write(`${JSON.stringify(summary)}\n`);
    else
      out.write(
        `${found.name}: ${bytesText(bytes)}${range ? '' : `, identical, digest ${digestText(found.digest)}`}\n`,
      );
  } catch (error) {
    throw named(source.name, error);
  } finally {
    source.close();
    for (const base of bases) base.close();
  }
}

async function unpackFromPipe(
  file: string,
  path: string,
  bases: readonly string[],
  image: number,
  json: boolean,
): Promise<void> {
  const sinks: PageSink[] = [];
  const open = (number: number) => {
    const sink = number === image ? createReadableSink(path) : createScratchSink();
    sinks.push(sink);
    return sink;
  };
  const summary = await decodeFile(file, bases, 'unpacking', open);
  const name = file === '-' ? 'standard input' : file;
  if (sinks.length <= image)
    throw new PageferryError('bad-argument', `${name}: has ${sinks.length} images, no image ${image}`);
  reportDecoded(summary, json, path);
}
