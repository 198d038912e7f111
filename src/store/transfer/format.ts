// The stream of `store export`, which carries snapshots to another store (docs/store.md).
//
//   stream   = header frame* snapshot* end
//   header   = "PFSTEXPT" u32(version) u32(page bytes) u32(frame bytes) 0[4]            24 bytes
//   frame    = as in a pack (format.ts), never encrypted, in ascending order of their ids
//   snapshot = "PFSN" u32(info bytes) u32(manifest bytes) info manifest                 the oldest first
//   end      = "PFEN" u32(snapshots) sha256[32] of all bytes before it                  40 bytes
//
// `info` is JSON, `manifest` as in the database (manifest.ts). A frame of base pages has a lower id than the
// frames of deltas against them.
import { PageferryError } from '../../page/error.js';
import { PAGE_BYTES } from '../../stream/format.js';

const MAGIC = new TextEncoder().encode('PFSTEXPT');
const EXPORT_VERSION = 1;
export const EXPORT_HEADER_BYTES = 24;
export const SNAPSHOT_MAGIC = 0x4e534650;
export const SNAPSHOT_HEAD_BYTES = 12;
export const END_MAGIC = 0x4e454650;
export const SHA256_BYTES = 32;
export const END_BYTES = 8 + SHA256_BYTES;
/** Most bytes of a snapshot's info, and of its manifest. */
export const MAX_INFO_BYTES = 1 << 20;
export const MAX_MANIFEST_BYTES = 1 << 30;

/** Header of a stream. */
export interface ExportHeader {
  readonly pageBytes: number;
  readonly frameBytes: number;
}

/** Return the header as bytes. */
export function exportHeader({ pageBytes, frameBytes }: ExportHeader): Uint8Array {
  const header = new Uint8Array(EXPORT_HEADER_BYTES);
  const view = new DataView(header.buffer);
  header.set(MAGIC);
  view.setUint32(8, EXPORT_VERSION, true);
  view.setUint32(12, pageBytes, true);
  view.setUint32(16, frameBytes, true);
  return header;
}

/**
 * Parse the header of the stream `name`. `maxFrameBytes`: the largest frame that is read.
 * @throws PageferryError `bad-stream`, or `unsupported` for another version
 */
export function parseExportHeader(header: Uint8Array, name: string, maxFrameBytes: number): ExportHeader {
  if (header.length < EXPORT_HEADER_BYTES || MAGIC.some((byte, i) => header[i] !== byte))
    throw new PageferryError('bad-stream', `${name}: is not a stream of store export`);
  const view = new DataView(header.buffer, header.byteOffset, EXPORT_HEADER_BYTES);
  const version = view.getUint32(8, true);
  if (version !== EXPORT_VERSION)
    throw new PageferryError(
      'unsupported',
      `${name}: a stream of version ${version}, this program reads version ${EXPORT_VERSION}`,
    );
  const [pageBytes, frameBytes] = [view.getUint32(12, true), view.getUint32(16, true)];
  if (
    !PAGE_BYTES.some((known) => known === pageBytes) ||
    frameBytes < pageBytes ||
    frameBytes > maxFrameBytes
  )
    throw new PageferryError(
      'bad-stream',
      `${name}: pages of ${pageBytes} bytes in frames of ${frameBytes}, at most ${maxFrameBytes} expected`,
    );
  return { pageBytes, frameBytes };
}
