// libvirt's save file (`virsh save`), integers in the byte order of the host that wrote it.
//
//     file      = magic 16 bytes | version u32 = 1|2 | data bytes u32 | was running u32 | compression u32
//                 | cookie offset u32 | 0 x 56 | data | QEMU's migration stream
//     magic     = "LibvirtQemudSave", or "LibvirtQemudPart" until the file is complete
//     data      = the guest's XML description 00 [ cookie 00 ] [ 0 x n ]
import { PageferryError } from '../../page/error.js';
import { latin1 } from '../../qemu/format.js';
import type { ImageDetails } from '../image-details.js';
import type { FileSource, ImageFile, ImageFormat, LoadOptions } from '../image-file.js';
import { openMappedRam } from '../qemu-migration/mapped-ram.js';
import { openCompressedStream, openStreamAt } from '../qemu-migration/qemu-migration.js';
import { decompress, decompressNow } from './decompress.js';

const MAGIC = 'LibvirtQemudSave';
const PARTIAL_MAGIC = 'LibvirtQemudPart';
const MAX_VERSION = 2;
const HEADER_BYTES = 92;
/** Programs that unpack each format; 0 is not compressed. */
const PROGRAMS = ['', 'gzip', 'bzip2', 'xz', 'lzop', 'zstd'];
/** Pages at fixed offsets of the file (mapped-ram). */
const SPARSE = 6;
const NAMES = ['none', ...PROGRAMS.slice(1), 'sparse'];

/** The format of libvirt's save files of `openImage`. */
export const libvirtSave: ImageFormat = {
  name: 'libvirt-save',
  extension: 'save',
  summary: "libvirt's save file (virsh save, managedsave, snapshot memory)",
  detect: ({ firstBytes }) => [MAGIC, PARTIAL_MAGIC].includes(magicOf(firstBytes)),
  open: openSave,
  load: loadSave,
  inspect: inspectSave,
};

interface Header {
  readonly version: number;
  readonly wasRunning: boolean;
  readonly compression: number;
  /** Start of QEMU's stream. */
  readonly streamAt: number;
}

function openSave(file: ImageFile): FileSource {
  const { streamAt, program, compression } = readSave(file);
  if (program === '') return openPlain(file, compression, streamAt);
  return openCompressed(file, decompressNow({ file, start: streamAt, program }));
}

async function loadSave(file: ImageFile, options: LoadOptions): Promise<FileSource> {
  const { streamAt, program, compression } = readSave(file);
  if (program === '') return openPlain(file, compression, streamAt);
  return openCompressed(file, await decompress({ file, start: streamAt, program }, options));
}

function openPlain(file: ImageFile, compression: number, streamAt: number): FileSource {
  return compression === SPARSE
    ? openMappedRam(file, streamAt, libvirtSave.name)
    : openStreamAt(file, streamAt, libvirtSave.name);
}

/** The header of a file, and the program that has compressed it; "" if none has. */
function readSave(file: ImageFile): Header & { readonly program: string } {
  const { path } = file;
  if (magicOf(file.firstBytes) === PARTIAL_MAGIC)
    throw new PageferryError('bad-image', `${path}: libvirt has not completed this save file; save again`);
  const header = readHeader(file);
  const { compression } = header;
  const program = compression === SPARSE ? '' : PROGRAMS[compression];
  if (program === undefined)
    throw new PageferryError('unsupported', `${path}: unknown compression ${compression} of a save file`);
  return { ...header, program };
}

/** `stream`: what the file has compressed. */
function openCompressed(file: ImageFile, stream: ImageFile): FileSource {
  try {
    return openCompressedStream(file, stream, libvirtSave.name);
  } catch (cause) {
    stream.handle.close();
    throw cause;
  }
}

/** @throws PageferryError `bad-image`, `unsupported` */
function readHeader({ path, bytes, firstBytes }: ImageFile): Header {
  if (![MAGIC, PARTIAL_MAGIC].includes(magicOf(firstBytes)))
    throw new PageferryError(
      'bad-image',
      `${path}: does not begin with "${MAGIC}", so it is not a save file`,
    );
  if (firstBytes.length < HEADER_BYTES)
    throw new PageferryError(
      'bad-image',
      `${path}: a save file of ${bytes} bytes is truncated in its header of ${HEADER_BYTES}`,
    );
  const view = new DataView(firstBytes.buffer, firstBytes.byteOffset, firstBytes.byteLength);
  // A host of the other byte order wrote it, if the version is huge.
  const isLittleEndian = view.getUint32(16, true) <= 0xffff;
  const field = (at: number) => view.getUint32(at, isLittleEndian);
  const version = field(16);
  if (version === 0 || version > MAX_VERSION)
    throw new PageferryError(
      'unsupported',
      `${path}: a save file of version ${version}; versions 1 and 2 are read`,
    );
  const streamAt = HEADER_BYTES + field(20);
  if (streamAt >= bytes)
    throw new PageferryError(
      'bad-image',
      `${path}: QEMU's stream would begin at ${streamAt}, the file has ${bytes} bytes: it is truncated`,
    );
  return { version, wasRunning: field(24) !== 0, compression: version === 1 ? 0 : field(28), streamAt };
}

function inspectSave(file: ImageFile): ImageDetails {
  const { version, wasRunning, compression, streamAt } = readHeader(file);
  const state = magicOf(file.firstBytes) === PARTIAL_MAGIC ? ', incomplete' : '';
  return {
    version: `version ${version}${state}`,
    compression: NAMES[compression] ?? `format ${compression}`,
    facts: { 'guest was': wasRunning ? 'running' : 'paused', 'stream at': streamAt },
  };
}

function magicOf(firstBytes: Uint8Array): string {
  return firstBytes.length < MAGIC.length ? '' : latin1(firstBytes, 0, MAGIC.length);
}
