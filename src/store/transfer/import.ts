import { checkImageBytes } from '../../engine/options.js';
import { MAX_CONTENT_BYTES } from '../../engine/page-frames/format.js';
import { badArgument, PageferryError } from '../../page/error.js';
import type { PageSource } from '../../page/source.js';
import { PLAIN_FRAMES } from '../encryption/frame-cipher.js';
import { FRAME_HEAD_BYTES, FRAME_MAGIC, readFrameHead } from '../format.js';
import type { FramePlace } from '../frame-record.js';
import { decodeManifest } from '../manifest.js';
import type { PutOptions } from '../options.js';
import { createFrameCache } from '../read/frame-cache.js';
import { PageDecoder } from '../read/page-decoder.js';
import { SnapshotImage } from '../read/snapshot.js';
import type { SnapshotInfo } from '../snapshot-info.js';
import { checkSnapshotName } from '../snapshot-name.js';
import {
  END_BYTES,
  END_MAGIC,
  EXPORT_HEADER_BYTES,
  type ExportHeader,
  MAX_INFO_BYTES,
  MAX_MANIFEST_BYTES,
  parseExportHeader,
  SNAPSHOT_HEAD_BYTES,
  SNAPSHOT_MAGIC,
} from './format.js';
import { type VerifiedFile, verifyFile } from './verified-file.js';

const CACHE_BYTES = 32 << 20;
/** Names that an error lists. */
const MAX_LISTED = 10;

/** Options of `Store.import`. */
export interface ImportOptions
  extends Pick<PutOptions, 'threads' | 'level' | 'waitMs' | 'signal' | 'onProgress'> {
  /** Limit on the bytes of all snapshots of the stream together; default 2^44. */
  readonly maxImageBytes?: number;
}

/** The store that snapshots are imported to. */
interface ImportTarget {
  readonly dir: string;
  has(name: string): boolean;
  put(image: PageSource, options: PutOptions): Promise<SnapshotInfo>;
}

/**
 * Store the snapshots of a stream. Nothing is stored before all of its bytes are verified, nor if the store
 * has a snapshot of one of the names.
 * @throws PageferryError; the reason of the signal
 */
export async function importSnapshots(
  store: ImportTarget,
  source: PageSource,
  options: ImportOptions,
): Promise<SnapshotInfo[]> {
  const { maxImageBytes: limit, ...putOptions } = options;
  const maxImageBytes = checkImageBytes(limit);
  const file = await verifyFile(source, store.dir, options.signal);
  try {
    const snapshots = await openExport(file);
    const bytes = snapshots.reduce((sum, { info }) => sum + info.bytes, 0);
    if (bytes > maxImageBytes)
      throw new PageferryError(
        'limit',
        `${file.name}: its snapshots have ${bytes} bytes, the limit is ${maxImageBytes}; raise maxImageBytes`,
      );
    checkNew(
      store,
      file.name,
      snapshots.map(({ info }) => info.name),
    );
    const infos: SnapshotInfo[] = [];
    for (const { info, source: image } of snapshots) {
      const { name, labels, parent, belongsTo } = info;
      const hasParent = parent !== undefined && store.has(parent);
      const created = new Date(info.created);
      infos.push(
        await store.put(image, {
          ...putOptions,
          name,
          labels,
          created,
          ...(hasParent && { parent }),
          ...(belongsTo !== undefined && { belongsTo }),
        }),
      );
    }
    return infos;
  } finally {
    file.close();
  }
}

/** Check that the store has no snapshots of these names. @throws PageferryError `bad-argument` */
function checkNew(store: ImportTarget, stream: string, names: readonly string[]): void {
  const existing = names.filter((name) => store.has(name));
  if (existing.length === 0) return;
  const listed = existing.slice(0, MAX_LISTED).join(', ');
  const more = existing.length > MAX_LISTED ? ` and ${existing.length - MAX_LISTED} more` : '';
  throw badArgument(
    `${store.dir}: has ${existing.length === 1 ? 'a snapshot' : 'snapshots'} ${listed}${more} already, of the ` +
      `${names.length} of ${stream}: nothing is imported; remove them first (store rm), or import into another store`,
  );
}

/** A snapshot of a stream. */
interface ImportedSnapshot {
  readonly info: SnapshotInfo;
  readonly source: PageSource;
}

/**
 * Open the snapshots of a stream whose bytes are verified, the oldest first. The memory it takes is in
 * proportion to the bytes of the stream.
 * @throws PageferryError `bad-stream`, `unsupported`
 */
export async function openExport(file: VerifiedFile): Promise<readonly ImportedSnapshot[]> {
  const header = parseExportHeader(file.bytesAt(0, EXPORT_HEADER_BYTES), file.name, MAX_CONTENT_BYTES);
  const { places, snapshots } = parseRecords(file, header);
  const { pageBytes, frameBytes } = header;
  const packs = {
    read(_: number, offset: number, into: Uint8Array, at: number, bytes: number): number {
      file.read(into.subarray(at, at + bytes), offset);
      return bytes;
    },
  };
  const options = { packs, cipher: PLAIN_FRAMES, pageBytes, frameBytes, cacheBytes: CACHE_BYTES };
  const cache = await createFrameCache(options);
  const find = (id: number) => {
    const place = places.get(id);
    if (!place) throw new PageferryError('bad-stream', `${file.name}: frame ${id} is not in it`);
    return place;
  };
  const decoder = new PageDecoder(cache, find, pageBytes);
  return snapshots.map(({ info, manifest }) => {
    const runs = decodeManifest(info.name, manifest);
    if (runs.pages !== Math.ceil(info.bytes / pageBytes))
      throw new PageferryError(
        'bad-stream',
        `${file.name}: snapshot ${info.name}: ${runs.pages} pages for ${info.bytes} bytes`,
      );
    return { info, source: snapshotSource(new SnapshotImage(info, runs, decoder, pageBytes)) };
  });
}

/** Parse the positions of the frames and the records of the snapshots. @throws PageferryError `bad-stream` */
function parseRecords(file: VerifiedFile, { frameBytes }: ExportHeader) {
  const places = new Map<number, FramePlace>();
  const snapshots: { readonly info: SnapshotInfo; readonly manifest: Uint8Array }[] = [];
  const bad = (offset: number, found: string) =>
    new PageferryError('bad-stream', `${file.name}: at byte ${offset}: ${found}`);
  for (let offset = EXPORT_HEADER_BYTES; ; ) {
    const magic = file.u32At(offset);
    if (magic === FRAME_MAGIC) {
      const head = readFrameHead(file.bytesAt(offset, FRAME_HEAD_BYTES));
      if (!head || places.has(head.id) || head.payloadBytes === 0)
        throw bad(offset, 'the head of a frame is wrong');
      const bytes = FRAME_HEAD_BYTES + head.payloadBytes;
      if (bytes > file.bytes - offset || head.payloadBytes > 2 * frameBytes + MAX_CONTENT_BYTES)
        throw bad(offset, `a frame of ${bytes} bytes`);
      places.set(head.id, { pack: 0, offset, bytes });
      offset += bytes;
    } else if (magic === SNAPSHOT_MAGIC) {
      const infoBytes = file.u32At(offset + 4);
      const manifestBytes = file.u32At(offset + 8);
      if (infoBytes > MAX_INFO_BYTES || manifestBytes > MAX_MANIFEST_BYTES)
        throw bad(offset, `a snapshot with ${infoBytes} and ${manifestBytes} bytes`);
      const at = offset + SNAPSHOT_HEAD_BYTES;
      const info = parseInfo(file.bytesAt(at, infoBytes), `${file.name}: at byte ${offset}`);
      snapshots.push({ info, manifest: file.bytesAt(at + infoBytes, manifestBytes) });
      offset = at + infoBytes + manifestBytes;
    } else if (magic === END_MAGIC && offset + END_BYTES === file.bytes) {
      const count = file.u32At(offset + 4);
      if (count !== snapshots.length) throw bad(offset, `${snapshots.length} snapshots, it states ${count}`);
      return { places, snapshots };
    } else throw bad(offset, 'neither a frame, a snapshot nor the end');
  }
}

/** Parse the description of a snapshot, from an untrusted stream. @throws PageferryError `bad-stream` */
function parseInfo(bytes: Uint8Array, place: string): SnapshotInfo {
  const bad = (found: string) => new PageferryError('bad-stream', `${place}: the snapshot's info: ${found}`);
  let info: SnapshotInfo;
  try {
    info = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw bad((cause as Error).message);
  }
  const isText = (value: unknown) => typeof value === 'string';
  if (typeof info !== 'object' || info === null || !isText(info.name)) throw bad('has no name');
  const { name, parent, belongsTo, created, labels } = info;
  checkSnapshotName(name);
  if (parent !== undefined) checkSnapshotName(String(parent));
  if (belongsTo !== undefined) checkSnapshotName(String(belongsTo));
  if (!isText(created) || Number.isNaN(Date.parse(created))) throw bad(`${name} has no time`);
  if (typeof labels !== 'object' || labels === null || !Object.values(labels).every(isText))
    throw bad(`${name} has no labels`);
  if (!(Number.isSafeInteger(info.bytes) && info.bytes >= 0)) throw bad(`${name} has no size`);
  return info;
}

/** Return the bytes of a snapshot as a source of a put. */
function snapshotSource(image: SnapshotImage): PageSource {
  let position = 0;
  const { bytes } = image;
  return {
    name: image.name,
    bytes,
    read(into) {
      const count = Math.min(into.length, bytes - position);
      image.read(into.subarray(0, count), position);
      position += count;
      return count;
    },
    skipZeros(maxBytes) {
      if (position >= bytes) return 0;
      const run = image.run(position, maxBytes);
      // `PageSource.skipZeros` returns multiples of 64 KiB, except at the end of the image.
      const end = position + run.bytes;
      const skipped = !run.zero ? 0 : end === bytes ? run.bytes : run.bytes - (run.bytes % 65536);
      position += skipped;
      return skipped;
    },
  };
}
