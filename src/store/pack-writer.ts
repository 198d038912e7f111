import fs from 'node:fs';
import { asIoError, ioError } from '../image/fs/errno.js';
import { syncPath } from '../image/fs/sync-path.js';
import { PageferryError } from '../page/error.js';
import { bytesOfHex } from './config.js';
import { type Checks, checkPackHeader, PACK_HEADER_BYTES, packHeader } from './format.js';
import { CLOSED_PACK } from './lock.js';
import { packFolder, packPath } from './pack-files.js';
import type { StoreContext } from './store-context.js';

/** Database key of the number of the next pack. */
const NEXT_PACK = 'nextPack';

/** A frame to append: its bytes are `parts` one after the other. */
export interface FrameParts {
  readonly parts: readonly Uint8Array[];
  readonly bytes: number;
}

/** Position of an appended frame. */
export interface PlaceInPack {
  readonly pack: number;
  readonly offset: number;
}

/** A pack that is open for writing. */
interface OpenPack {
  readonly number: number;
  readonly file: number;
  bytes: number;
  isSynced: boolean;
}

/** Appends frames to the packs of a store. */
export class PackWriter {
  private readonly open = new Map<number, OpenPack>();
  private current: OpenPack | undefined;
  private next: number;
  private hasNewFile = false;
  private readonly storeId: Uint8Array;
  private readonly packBytes: number;

  /** `continuesLast`: whether frames are appended to the newest pack, if it is not full. */
  constructor(
    private readonly store: StoreContext,
    private readonly checks: Checks,
    continuesLast: boolean,
  ) {
    this.storeId = bytesOfHex(store.config.id);
    this.packBytes = store.config.packBytes;
    this.next = store.db.value<number>(NEXT_PACK) ?? 1;
    if (continuesLast) this.continueLast();
  }

  /**
   * Append a frame, whose bytes are `parts` one after the other; return its place.
   * @throws PageferryError `io`
   */
  append(parts: readonly Uint8Array[], bytes: number): PlaceInPack {
    return this.appendAll([{ parts, bytes }])[0]!;
  }

  /**
   * Append frames, with one system call for those of a pack; return their places. @throws PageferryError `io`
   */
  appendAll(frames: readonly FrameParts[]): PlaceInPack[] {
    const places: PlaceInPack[] = [];
    while (places.length < frames.length) {
      const pack = this.writable();
      const parts: Uint8Array[] = [];
      let bytes = 0;
      for (let i = places.length; i < frames.length; i++) {
        if (bytes > 0 && pack.bytes + bytes >= this.packBytes) break;
        places.push({ pack: pack.number, offset: pack.bytes + bytes });
        parts.push(...frames[i]!.parts);
        bytes += frames[i]!.bytes;
      }
      this.write(pack, parts, bytes);
    }
    return places;
  }

  /** Store all bytes so far durably. @throws PageferryError `io` */
  async sync(): Promise<void> {
    for (const pack of this.open.values()) {
      if (pack.isSynced) continue;
      await new Promise<void>((resolve, reject) =>
        fs.fsync(pack.file, (cause) =>
          cause ? reject(ioError(packPath(this.store.dir, pack.number), 'cannot sync', cause)) : resolve(),
        ),
      );
      pack.isSynced = true;
    }
    if (this.hasNewFile) await syncPath(packFolder(this.store.dir));
    this.hasNewFile = false;
  }

  /** Record the synced packs; within a transaction. */
  commit(): void {
    const { db } = this.store;
    for (const { number, bytes } of this.open.values()) db.putPack(number, { bytes });
    db.putValue(NEXT_PACK, this.next);
  }

  /** Close the packs. The next writer removes the bytes that were not committed. */
  close(): void {
    for (const { file } of this.open.values()) fs.closeSync(file);
    this.open.clear();
    this.current = undefined;
  }

  private continueLast(): void {
    const { db, dir } = this.store;
    const last = Math.max(0, ...db.packNumbers());
    const info = last === 0 ? undefined : db.pack(last);
    if (!info || info.bytes >= this.packBytes || last <= (db.value<number>(CLOSED_PACK) ?? 0)) return;
    const path = packPath(dir, last);
    try {
      const file = fs.openSync(path, 'r+');
      const { size } = fs.fstatSync(file);
      if (size < info.bytes) {
        fs.closeSync(file);
        return; // new frames go to another pack, and `check` names the damage
      }
      const header = new Uint8Array(PACK_HEADER_BYTES);
      fs.readSync(file, header, 0, PACK_HEADER_BYTES, 0);
      checkPackHeader(this.checks, header, last, this.storeId, path);
      this.use({ number: last, file, bytes: info.bytes, isSynced: true });
    } catch (cause) {
      throw asIoError(path, 'cannot open for writing', cause);
    }
  }

  /** Return a pack that is not full; create one if there is none. */
  private writable(): OpenPack {
    if (this.current && this.current.bytes < this.packBytes) return this.current;
    const number = this.next++;
    const path = packPath(this.store.dir, number);
    let file: number;
    try {
      file = fs.openSync(path, 'wx+', 0o600);
    } catch (cause) {
      throw ioError(path, 'cannot create', cause);
    }
    this.hasNewFile = true;
    const pack = this.use({ number, file, bytes: 0, isSynced: false });
    const header = packHeader(number, this.storeId);
    this.checks.writeHeader(header);
    this.write(pack, [header], PACK_HEADER_BYTES);
    return pack;
  }

  private use(pack: OpenPack): OpenPack {
    this.open.set(pack.number, pack);
    this.current = pack;
    return pack;
  }

  private write(pack: OpenPack, parts: readonly Uint8Array[], bytes: number): void {
    const name = packPath(this.store.dir, pack.number);
    pack.isSynced = false;
    try {
      const count = fs.writevSync(pack.file, parts, pack.bytes);
      for (let rest = count; rest < bytes; ) rest += this.writeRest(pack, parts, rest);
    } catch (cause) {
      throw ioError(name, `cannot write ${bytes} bytes at ${pack.bytes}`, cause);
    }
    pack.bytes += bytes;
  }

  /** Write from byte `done` of `parts` on, where a system call took fewer bytes than it was given. */
  private writeRest(pack: OpenPack, parts: readonly Uint8Array[], done: number): number {
    let skipped = 0;
    for (const part of parts) {
      const from = done - skipped;
      if (from < part.length) {
        const count = fs.writeSync(pack.file, part, from, part.length - from, pack.bytes + done);
        if (count === 0) throw new PageferryError('io', 'the system wrote nothing');
        return count;
      }
      skipped += part.length;
    }
    throw new Error(`${done} bytes of a frame are written, it has ${skipped}`);
  }
}
