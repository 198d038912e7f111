import { statSync } from 'node:fs';
import { digestText } from '../../dedup/image-digest.js';
import { openPages } from '../../engine/page-reader/open-pages.js';
import type { PageReader } from '../../engine/page-reader/page-reader.js';
import { createDirectorySink } from '../../image/fs/directory-sink.js';
import { withFileName } from '../../image/fs/errno.js';
import { createFileSink, type FileSinkOptions } from '../../image/fs/file-sink.js';
import { createImageSet } from '../../image/fs/image-set.js';
import { outputTarget } from '../../image/fs/output-target.js';
import { createReadableSink } from '../../image/fs/readable-sink.js';
import { createScratchSink } from '../../image/fs/scratch-sink.js';
import { createUnorderedSink } from '../../image/fs/unordered-sink.js';
import type { FileSource } from '../../image/image-file.js';
import type { OutputForm } from '../../image/output-form.js';
import { OUTPUT_FORMS } from '../../image/output-forms.js';
import { badArgument, PageferryError } from '../../page/error.js';
import type { PageSink } from '../../page/source.js';
import { printable } from '../../report/terminal/printable.js';
import { bytesText, countText } from '../../report/terminal/units.js';
import { defineCommand } from '../command.js';
import { BASE_FORMAT_OPTION, BASE_OPTION, MAX_BYTES_OPTION, MODE_OPTION } from '../common-options.js';
import { type DecodeJob, decodeFile, openPacked, reportDecoded, verifiedLine, withBases } from '../decode.js';
import { REPORT_DETAILS } from '../details.js';
import { imageChoice, numberOf } from '../image-choice.js';
import { JSON_OPTION } from '../json-option.js';
import { checkImageDirectory, checkInputs, checkOutput } from '../paths.js';
import { createProgressLine } from '../progress.js';
import { letSignalsEnd, onForcedEnd } from '../signals.js';
import { printOut, reportStream } from '../terminal.js';
import { DECODING_THREADS_OPTION, threadCount } from '../threads.js';
import { type OpenFile, openContainedFile, openForm, UnpackedFiles } from '../unpacked-files.js';
import { UsageError } from '../usage-error.js';
import { alternatives, fileName } from '../values.js';

/** Forms of the output. */
const FORM_NAMES = ['file', 'raw', ...OUTPUT_FORMS.map(({ name }) => name)];

export const command = defineCommand({
  name: 'unpack',
  summary: 'unpack the images of a stream',
  operands: { label: 'FILE', min: 1, max: 1 },
  options: {
    output: {
      short: 'o',
      value: 'PATH',
      help: 'file for one image, directory for several or if it ends in /; - for standard output',
      parse: fileName,
      required: true,
    },
    image: { value: 'N|NAME', help: 'only image N, from 0, or the one of this name', parse: imageChoice },
    pages: { value: 'A-B', help: 'only pages A to B of the image, from 0', parse: pageRange },
    base: BASE_OPTION,
    as: {
      value: 'FORM',
      help: `file: what was packed, byte for byte; raw: its memory; ${OUTPUT_FORMS.map((form) => `${form.name}: ${form.summary}`).join('; ')}`,
      parse: outputForm,
      names: FORM_NAMES,
      default: 'file',
    },
    format: BASE_FORMAT_OPTION,
    threads: DECODING_THREADS_OPTION,
    mode: MODE_OPTION,
    'max-bytes': MAX_BYTES_OPTION,
    json: JSON_OPTION,
  },
  details: [
    'FILE is a packed file, or - for standard input. Several images, or one if PATH is a directory or ends in /, are written as 000.raw, 001.raw, ... to the directory PATH, which is created; one that exists keeps its other files.',
    REPORT_DETAILS,
  ],
  async run({ values, operands, signal }) {
    const file = operands[0]!;
    const { output, image, pages, base, format, mode, json } = values;
    const inputs = [file, ...base];
    checkInputs(inputs);
    checkOutput(output, inputs);
    checkImageDirectory(output, inputs);
    const job: UnpackJob = {
      file,
      activity: 'unpacking',
      bases: base,
      format,
      maxImageBytes: values['max-bytes'],
      threads: threadCount(values.threads ?? 1),
      signal,
      output,
      form: values.as,
      sinkOptions: { ...(mode !== undefined && { mode }), onStream: letSignalsEnd },
      json,
    };
    if (image === undefined && pages === undefined) await unpackAll(job);
    else await unpackOne(job, image, pages);
  },
});

interface UnpackJob extends DecodeJob {
  readonly output: string;
  readonly sinkOptions: FileSinkOptions;
  readonly json: boolean;
  readonly form: OutputChoice;
}

/** Output of an image: its file, its memory alone, or its memory in a form. */
type OutputChoice = 'file' | 'raw' | OutputForm;

function outputForm(text: string): OutputChoice {
  if (text === 'file' || text === 'raw') return text;
  const form = OUTPUT_FORMS.find(({ name }) => name === text);
  if (form) return form;
  throw new UsageError(`unknown form; write ${alternatives(FORM_NAMES)}`);
}

/** The form that is written instead of the file or its memory. */
function formOf(choice: OutputChoice): OutputForm | undefined {
  return typeof choice === 'string' ? undefined : choice;
}

interface PageRange {
  readonly first: number;
  readonly count: number;
}

/** `17` or `0-255`, the last page included. */
function pageRange(text: string): PageRange {
  const match = /^(\d+)(?:-(\d+))?$/.exec(text);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? first);
  if (match && last >= first) return { first, count: last - first + 1 };
  throw new UsageError('not a range of pages; write 17 or 0-255');
}

async function unpackAll(job: UnpackJob): Promise<void> {
  const images = createImageSet(job.output, job.sinkOptions);
  const files = new UnpackedFiles(formOf(job.form));
  const withdraw = onForcedEnd(() => images.discard());
  try {
    // Before the first image is written; the images of a pipe are not known before.
    if (images.onlyOne && (await countImages(job)) > 1) throw images.onlyOne;
    const summary =
      job.form === 'raw'
        ? await decodeFile(job, (number) => images.open(number), { openContainer: createScratchSink })
        : await decodeFile(
            job,
            (number, imageBytes) =>
              files.open(
                number,
                () => images.open(number),
                (options) => images.open(number, options),
                imageBytes,
              ),
            files,
          );
    await images.commit(summary.images.length);
    reportDecoded(summary, job.json, job.output);
    const count = summary.images.length;
    if ((count > 1 || images.isDirectory) && !job.json)
      printOut(
        `wrote ${countText(count, 'image')} to the directory ${printable(job.output, { isOneLine: true })}\n`,
      );
  } finally {
    withdraw();
    images.discard();
  }
}

/** The number of images by the file's index; 1 for a pipe, and for a file whose index is damaged. */
async function countImages({ file, maxImageBytes, signal }: UnpackJob): Promise<number> {
  if (file === '-' || !statSync(file, { throwIfNoEntry: false })?.isFile()) return 1;
  const source = openPacked(file);
  try {
    return source.readAt ? (await openPages(source, { maxImageBytes, signal })).images.length : 1;
  } catch (error) {
    // Decoding reports what is wrong with the file.
    if (error instanceof PageferryError) return 1;
    throw error;
  } finally {
    source.close();
  }
}

/** One image, or some of its pages, through the file's index; a pipe is decoded from its start. */
async function unpackOne(
  job: UnpackJob,
  image: number | string | undefined,
  range: PageRange | undefined,
): Promise<void> {
  const source = openPacked(job.file);
  if (!source.readAt && typeof image === 'string') {
    source.close();
    throw new UsageError('--image: the images of a pipe have numbers only; name a file, or write --image N');
  }
  if (!source.readAt && !range)
    return await unpackFromPipe(job, source, image === undefined ? 0 : Number(image));
  try {
    if (source.readAt) await withBases(job, (bases) => extract(job, source, bases, image, range));
    else throw new UsageError('--pages: needs a file; a pipe can only be read in order');
  } catch (error) {
    throw withFileName(source.name, error);
  } finally {
    source.close();
  }
}

async function extract(
  job: UnpackJob,
  source: FileSource,
  bases: readonly FileSource[],
  choice: number | string | undefined,
  range: PageRange | undefined,
): Promise<void> {
  const { maxImageBytes, output, json, signal } = job;
  const reader = await openPages(source, { bases, maxImageBytes, signal });
  if (choice === undefined && reader.images.length > 1)
    throw new UsageError(`--pages: the stream has ${reader.images.length} images; name one with --image`);
  const image = typeof choice === 'string' ? numberOf(choice, reader, source.name) : (choice ?? 0);
  const found = reader.images[image];
  if (!found) throw noImage(source.name, reader.images.length, image);
  const { name, digest } = found;
  if (range && range.first + range.count > found.pages)
    throw badArgument(
      `${source.name}: image ${image} has ${found.pages} pages, no page ${range.first + range.count - 1}`,
    );
  const line = createProgressLine(job.activity);
  const onProgress = (done: number) => line.onBytes(done, range ? undefined : found.bytes);
  const bytes = await reader
    .extract(image, openOutput(job, reader, image, range), { ...range, signal, onProgress })
    .catch((error: unknown) => {
      throw neededBy(error, image, name);
    })
    .finally(line.end);
  const print = reportStream(output);
  const pages = range?.count ?? found.pages;
  if (json) print(`${JSON.stringify({ bytesIn: source.bytes ?? 0, bytesOut: bytes, pages, name })}\n`);
  else if (range) print(`${printable(name, { isOneLine: true })}: ${bytesText(bytes)}\n`);
  else print(verifiedLine(name, bytes, digestText(digest)));
}

/** Damage can be in another image, which pages of this one refer to. */
function neededBy(error: unknown, image: number, name: string): unknown {
  if (!(error instanceof PageferryError) || error.code !== 'bad-stream') return error;
  const what = `${error.message}; image ${image} "${printable(name, { isOneLine: true })}" needs it`;
  return new PageferryError(error.code, what, { cause: error });
}

function openOutput(
  { output, sinkOptions, form }: UnpackJob,
  reader: PageReader,
  image: number,
  range: PageRange | undefined,
): PageSink {
  if (range || form === 'raw') return createFileSink(output, sinkOptions);
  const container = reader.containerOf(image);
  const found = reader.images[image]!;
  const openFile = openFileAt(output, sinkOptions, () => createFileSink(output, sinkOptions));
  if (container) return openContainedFile(container, openFile, formOf(form));
  return form === 'file'
    ? createFileSink(output, sinkOptions)
    : openForm(form, { name: found.name, bytes: found.bytes }, openFile);
}

/** Create the file of one image, or the directory whose archive it is; a pipe gets the archive. */
function openFileAt(output: string, options: FileSinkOptions, openInOrder: () => PageSink): OpenFile {
  return ({ members, isUnordered }) => {
    if (members && output !== '-' && outputTarget(output, true).kind === 'file')
      return createDirectorySink(output, members, options);
    return isUnordered ? createUnorderedSink(output, options) : openInOrder();
  };
}

async function unpackFromPipe(job: UnpackJob, source: FileSource, image: number): Promise<void> {
  const { output, sinkOptions, json, form } = job;
  const sinks: PageSink[] = [];
  const files = new UnpackedFiles(formOf(form));
  const openImage = () => createReadableSink(output, sinkOptions);
  const openFile = openFileAt(output, sinkOptions, openImage);
  const open = (number: number, imageBytes?: number) => {
    const sink =
      number !== image
        ? createScratchSink()
        : form === 'raw'
          ? openImage()
          : files.open(number, openImage, openFile, imageBytes);
    sinks.push(sink);
    return sink;
  };
  const summary = await decodeFile(job, open, { source, openContainer: files.openContainer });
  if (sinks.length <= image) throw noImage(source.name, sinks.length, image);
  reportDecoded(summary, json, output);
}

function noImage(name: string, count: number, image: number): PageferryError {
  return badArgument(`${name}: has ${count} images, no image ${image}`);
}
