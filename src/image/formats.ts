import { badArgument, PageferryError } from '../page/error.js';
import type { DirectoryFormat } from './directory/directory-format.js';
import { DIRECTORY_FORMATS, directoryBytes, directoryFormat } from './directory-formats.js';
import { elfCore } from './elf-core/elf-core.js';
import { checkFirstBytes } from './first-bytes.js';
import type { ImageDetails } from './image-details.js';
import type { FileSource, ImageFile, ImageFormat, LoadOptions } from './image-file.js';
import { kdump } from './kdump/kdump.js';
import { type KnownKind, knownKind, knownKindError } from './known-files.js';
import { libvirtSave } from './libvirt-save/libvirt-save.js';
import { avml } from './lime/avml.js';
import { lime } from './lime/lime.js';
import { minidump } from './minidump/minidump.js';
import { mappedRam } from './qemu-migration/mapped-ram.js';
import { qemuMigration } from './qemu-migration/qemu-migration.js';
import { openSeekable, openSequential, raw } from './raw.js';

/**
 * All formats of image files, in the order in which `openImage` tries them. Every file is raw, so that comes
 * last.
 */
export const IMAGE_FORMATS: readonly ImageFormat[] = [
  elfCore,
  kdump,
  lime,
  libvirtSave,
  mappedRam,
  avml,
  minidump,
  qemuMigration,
  raw,
];

/** Options of `openImage`. */
export interface OpenImageOptions {
  /**
   * Name of the format (default: detected by the file's content). "raw" reads any file as the bytes that it
   * has.
   */
  readonly format?: string;
}

/**
 * Open an image file in the format that its content has. A pipe, a terminal or "-" (standard input) can only
 * be read in order and is always raw.
 * @throws PageferryError `io`; `bad-image`, `unsupported` or `limit` if the file cannot be read in its
 * format; `bad-argument` for an unknown format
 */
export function openImage(path: string, options: OpenImageOptions = {}): FileSource {
  const chosen = choose(path, options);
  if (!('format' in chosen)) return chosen;
  const { file, format, isForced } = chosen;
  try {
    checkKind(chosen);
    return format.open(file);
  } catch (cause) {
    file.handle.close();
    throw isForced ? cause : withRemedy(cause);
  }
}

/** Options of `loadImage`. */
export interface LoadImageOptions extends OpenImageOptions, LoadOptions {}

/**
 * Open an image as `openImage` does, without blocking the event loop for long: a compressed save is
 * decompressed by a program that the signal ends. @throws as `openImage` does; the reason of the signal
 */
export async function loadImage(path: string, options: LoadImageOptions = {}): Promise<FileSource> {
  const { format: name, ...loading } = options;
  const chosen = choose(path, name === undefined ? {} : { format: name });
  if (!('format' in chosen)) return chosen;
  const { file, format, isForced } = chosen;
  try {
    checkKind(chosen);
    return format.load ? await format.load(file, loading) : format.open(file);
  } catch (cause) {
    file.handle.close();
    throw isForced ? cause : withRemedy(cause);
  }
}

/** A file and its format. */
interface ChosenFormat {
  readonly file: ImageFile;
  readonly format: ImageFormat;
  /** Whether the caller named the format. */
  readonly isForced: boolean;
}

/** Find the format of a file; other inputs are opened. @throws as `openImage` does */
function choose(path: string, options: OpenImageOptions): ChosenFormat | FileSource {
  const directory = directoryFormat(path, options.format);
  if (directory) return directory.open(path);
  const forced = options.format === undefined ? undefined : formatByName(options.format);
  const file = openSeekable(path);
  if (!file) {
    if (forced && forced !== raw)
      throw new PageferryError(
        'unsupported',
        `${nameOf(path)}: the format ${forced.name} needs a file that can be read at any position`,
      );
    return openSequential(path);
  }
  return { file, format: forced ?? detected(file), isForced: forced !== undefined };
}

/** @throws PageferryError `io` */
function detected(file: ImageFile): ImageFormat {
  try {
    return IMAGE_FORMATS.find((candidate) => candidate.detect(file))!;
  } catch (cause) {
    file.handle.close();
    throw cause;
  }
}

/** @throws PageferryError `unsupported` for a file of a known other kind */
function checkKind({ file, format, isForced }: ChosenFormat): void {
  const kind = !isForced && format === raw ? knownKind(file) : undefined;
  if (kind) throw knownKindError(file, kind);
}

/** A refusal of a detected format states how to read the file as raw bytes. */
function withRemedy(cause: unknown): unknown {
  const isRefusal =
    cause instanceof PageferryError && (cause.code === 'bad-image' || cause.code === 'unsupported');
  if (!isRefusal) return cause;
  const remedy = 'to read its bytes as raw memory, set the format to raw (--format raw)';
  return new PageferryError(cause.code, `${cause.message}; ${remedy}`, { cause });
}

/**
 * Open a file as the bytes that it has, unless they are compressed, as a store finds no page of those twice,
 * or an image that ends before the memory that its headers describe.
 * @throws PageferryError `io`; `bad-image`; `unsupported` with the remedy, also from the first read of a pipe
 */
export function openUncompressed(path: string): FileSource {
  const source = openImage(path, { format: raw.name });
  return checkFirstBytes(source, (firstBytes) => {
    checkUncompressed(path, firstBytes);
    if (source.readAt) checkHeaders(path);
  });
}

/** Formats that are opened by reading their headers: the others read the whole file. */
const INDEXED_FORMATS: readonly ImageFormat[] = [elfCore, kdump, lime, mappedRam, minidump];

/** Check that a file has the memory that its headers describe. @throws PageferryError `bad-image` */
function checkHeaders(path: string): void {
  const file = openSeekable(path);
  try {
    if (file) INDEXED_FORMATS.find((format) => format.detect(file))?.open(file);
  } catch (cause) {
    if (!(cause instanceof PageferryError)) throw cause;
    // A variant that cannot be read is no damage.
    if (cause.code !== 'bad-image') return;
    const remedy = '--format raw stores the file itself';
    throw new PageferryError(cause.code, `${cause.message}; ${remedy}`, { cause });
  } finally {
    file?.handle.close();
  }
}

function checkUncompressed(path: string, firstBytes: Uint8Array): void {
  const kind = knownKind({ firstBytes });
  if (!kind?.isCompressed) return;
  const { message } = knownKindError({ path: nameOf(path) }, kind);
  throw new PageferryError('unsupported', `${message}; --format raw stores the file itself`);
}

/** Result of `inspectImage`. */
export interface InspectedImage {
  readonly format: Pick<ImageFormat, 'name' | 'summary'>;
  readonly fileBytes: number;
  readonly details: ImageDetails;
  /** The image; undefined if the file cannot be read in its format. The caller closes it. */
  readonly source: FileSource | undefined;
  /** Why it cannot be read. */
  readonly refusal: PageferryError | undefined;
}

/**
 * Describe an image file, also one that `openImage` refuses.
 * @throws PageferryError `io`; `unsupported` for what can only be read in order
 */
export async function inspectImage(path: string, options: LoadImageOptions = {}): Promise<InspectedImage> {
  const directory = directoryFormat(path, options.format);
  if (directory) return inspectDirectory(directory, path);
  const forced = options.format === undefined ? undefined : formatByName(options.format);
  const file = openSeekable(path);
  if (!file)
    throw new PageferryError('unsupported', `${nameOf(path)}: cannot be read at any position; name a file`);
  try {
    const format = forced ?? IMAGE_FORMATS.find((candidate) => candidate.detect(file))!;
    const kind = !forced && format === raw ? knownKind(file) : undefined;
    if (kind) return notMemory(file, kind);
    const attempts = new Attempts();
    const details = attempts.run(() => format.inspect?.(file)) ?? {};
    const source = await attempts.load(() => format.load?.(file, options) ?? format.open(file));
    if (!source) file.handle.close();
    return { format, fileBytes: file.bytes, details, source, refusal: attempts.refusal };
  } catch (cause) {
    file.handle.close();
    throw cause;
  }
}

function notMemory(file: ImageFile, kind: KnownKind): InspectedImage {
  file.handle.close();
  const refusal = knownKindError(file, kind);
  const format = { name: 'none', summary: kind.name };
  return { format, fileBytes: file.bytes, details: {}, source: undefined, refusal };
}

function inspectDirectory(format: DirectoryFormat, path: string): InspectedImage {
  const attempts = new Attempts();
  const details = attempts.run(() => format.inspect?.(path)) ?? {};
  const source = attempts.run(() => format.open(path));
  return { format, fileBytes: directoryBytes(path), details, source, refusal: attempts.refusal };
}

/** Runs what may refuse an image, and keeps the first refusal. */
class Attempts {
  refusal: PageferryError | undefined;

  /** @throws PageferryError `io` */
  run<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (cause) {
      return this.refused(cause);
    }
  }

  /** @throws PageferryError `io`, the reason of a signal */
  async load<T>(work: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (cause) {
      return this.refused(cause);
    }
  }

  private refused(cause: unknown): undefined {
    if (!(cause instanceof PageferryError) || cause.code === 'io') throw cause;
    this.refusal ??= cause;
  }
}

function formatByName(name: string): ImageFormat {
  const format = IMAGE_FORMATS.find((candidate) => candidate.name === name);
  if (format) return format;
  if (DIRECTORY_FORMATS.some((candidate) => candidate.name === name))
    throw new PageferryError('unsupported', `the format ${name} is that of a directory, not of a file`);
  const names = [...IMAGE_FORMATS, ...DIRECTORY_FORMATS].map((candidate) => candidate.name).join(', ');
  throw badArgument(`unknown image format "${name}"; expected one of ${names}`);
}

function nameOf(path: string): string {
  return path === '-' ? 'standard input' : path;
}
