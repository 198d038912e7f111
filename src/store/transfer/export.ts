import { createHash } from 'node:crypto';
import { MAX_CONTENT_BYTES } from '../../engine/page-frames/format.js';
import { Arena } from '../../kernels/arena.js';
import { PageferryError } from '../../page/error.js';
import { createYielder, throwIfAborted } from '../../page/sync.js';
import { Checks, FRAME_HEAD_BYTES, MAX_ENCRYPTION_BYTES, readFrameHead, writeFrameHead } from '../format.js';
import type { FramePlace } from '../frame-record.js';
import { encodeManifest } from '../manifest.js';
import type { PackFiles } from '../pack-files.js';
import { frameName } from '../read/frame-records.js';
import { findFrames } from '../read/snapshot.js';
import type { StoreContext } from '../store-context.js';
import {
  END_BYTES,
  END_MAGIC,
  exportHeader,
  SHA256_BYTES,
  SNAPSHOT_HEAD_BYTES,
  SNAPSHOT_MAGIC,
} from './format.js';

const MAX_PAYLOAD_BYTES = 2 * MAX_CONTENT_BYTES + MAX_ENCRYPTION_BYTES;

/** Takes the bytes of a stream; a part is only valid during the call. */
export type WriteBytes = (...parts: Uint8Array[]) => void | Promise<void>;

/** What an export has written. */
export interface ExportSummary {
  readonly snapshots: number;
  readonly frames: number;
  /** Bytes of the stream. */
  readonly bytes: number;
}

/**
 * Write snapshots as a stream, each frame once. Every frame is checked, and decrypted.
 * @throws PageferryError `bad-stream` that names a damaged frame, `bad-argument` for an unknown name, `io`
 */
export async function exportSnapshots(
  store: StoreContext,
  names: readonly string[],
  write: WriteBytes,
  signal?: AbortSignal,
): Promise<ExportSummary> {
  const { found, places, packs } = findFrames(store, names);
  const hash = createHash('sha256');
  let bytes = 0;
  const put = async (...parts: Uint8Array[]) => {
    for (const part of parts) {
      hash.update(part);
      bytes += part.length;
    }
    await write(...parts);
  };
  try {
    await put(exportHeader(store.config));
    const reader = await createFrameReader(store, packs);
    const yieldIfDue = createYielder();
    const ids = places.ids();
    for (const id of ids) {
      await put(...reader.read(id, places.find(id)));
      await yieldIfDue();
      throwIfAborted(signal);
    }
    const sorted = found.toSorted((a, b) => (a.info.created < b.info.created ? -1 : 1));
    for (const { info, runs } of sorted) {
      const manifest = encodeManifest(info.name, runs);
      const text = new TextEncoder().encode(JSON.stringify(info));
      const head = new Uint8Array(SNAPSHOT_HEAD_BYTES);
      const view = new DataView(head.buffer);
      view.setUint32(0, SNAPSHOT_MAGIC, true);
      view.setUint32(4, text.length, true);
      view.setUint32(8, manifest.length, true);
      await put(head, text, manifest);
    }
    const end = new Uint8Array(END_BYTES - SHA256_BYTES);
    new DataView(end.buffer).setUint32(0, END_MAGIC, true);
    new DataView(end.buffer).setUint32(4, sorted.length, true);
    await put(end);
    await write(hash.digest());
    return { snapshots: sorted.length, frames: ids.length, bytes: bytes + SHA256_BYTES };
  } finally {
    packs.close();
  }
}

/** Read frames and decrypts their payloads. */
async function createFrameReader(store: StoreContext, packs: PackFiles) {
  const arena = new Arena();
  const checks = new Checks(arena, arena.kernels);
  const address = arena.slot('payload', MAX_PAYLOAD_BYTES);
  const { bytes: memory } = await arena.allocate();
  const head = new Uint8Array(FRAME_HEAD_BYTES);
  const { frameCipher: cipher } = store.secrets;
  return {
    /** Return the head and the payload of a frame, valid until the next call. @throws PageferryError */
    read(id: number, place: FramePlace): [Uint8Array, Uint8Array] {
      const bad = (found: string) => new PageferryError('bad-stream', `${frameName(id, place)}: ${found}`);
      const bytes = place.bytes - FRAME_HEAD_BYTES;
      if (bytes <= 0 || bytes > MAX_PAYLOAD_BYTES) throw bad(`a record of ${place.bytes} bytes`);
      packs.read(place.pack, place.offset, head, 0, FRAME_HEAD_BYTES);
      packs.read(place.pack, place.offset + FRAME_HEAD_BYTES, memory, address, bytes);
      const fields = readFrameHead(head);
      if (fields?.id !== id || fields.payloadBytes !== bytes) throw bad('its head is damaged');
      if (!checks.isFrame(head, address, bytes)) throw bad('its check differs');
      const stored = memory.subarray(address, address + bytes);
      const payload = cipher.decrypt(head.subarray(0, FRAME_HEAD_BYTES - 8), stored);
      if (payload === stored) return [head, stored];
      memory.set(payload, address);
      writeFrameHead(head, { ...fields, payloadBytes: payload.length });
      checks.writeFrame(head, address, payload.length);
      return [head, payload];
    },
  };
}
