import { createHash } from 'node:crypto';
import { Arena } from '../../kernels/arena.js';
import { createYielder, throwIfAborted } from '../../page/sync.js';
import { PLAIN_FRAMES } from '../encryption/frame-cipher.js';
import { Checks, MAX_PAYLOAD_BYTES, writeFrameHead } from '../format.js';
import type { FramePlace } from '../frame-record.js';
import { encodeManifest } from '../manifest.js';
import type { PackFiles } from '../pack-files.js';
import { SingleFrameReader } from '../read/single-frame.js';
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

/** Takes the bytes of a stream; a part is only valid during the call. */
export type WriteBytes = (...parts: Uint8Array[]) => void | Promise<void>;

/** Totals of an export. */
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
      await put(snapshotHead(text.length, manifest.length), text, manifest);
    }
    await put(endHead(sorted.length));
    await write(hash.digest());
    return { snapshots: sorted.length, frames: ids.length, bytes: bytes + SHA256_BYTES };
  } finally {
    packs.close();
  }
}

function snapshotHead(infoBytes: number, manifestBytes: number): Uint8Array {
  const head = new Uint8Array(SNAPSHOT_HEAD_BYTES);
  const view = new DataView(head.buffer);
  view.setUint32(0, SNAPSHOT_MAGIC, true);
  view.setUint32(4, infoBytes, true);
  view.setUint32(8, manifestBytes, true);
  return head;
}

/** Return the end of the stream without the digest. */
function endHead(snapshots: number): Uint8Array {
  const head = new Uint8Array(END_BYTES - SHA256_BYTES);
  const view = new DataView(head.buffer);
  view.setUint32(0, END_MAGIC, true);
  view.setUint32(4, snapshots, true);
  return head;
}

/** Create a reader of frames that decrypts their payloads. */
async function createFrameReader(store: StoreContext, packs: PackFiles) {
  const arena = new Arena();
  const checks = new Checks(arena, arena.kernels);
  const address = arena.slot('payload', MAX_PAYLOAD_BYTES);
  const kernels = await arena.allocate();
  const reader = new SingleFrameReader(kernels, checks);
  const { head } = reader;
  const cipher = store.secrets.frameCipher;
  return {
    /** Return the head and the payload of a frame, valid until the next call. @throws PageferryError */
    read(id: number, place: FramePlace): [Uint8Array, Uint8Array] {
      const fields = reader.read(packs, id, place, address);
      const payloadBytes = reader.decrypt(cipher, address, fields.payloadBytes);
      if (cipher !== PLAIN_FRAMES) {
        writeFrameHead(head, { ...fields, payloadBytes });
        checks.writeFrame(head, address, payloadBytes);
      }
      return [head, kernels.bytes.subarray(address, address + payloadBytes)];
    },
  };
}
