import { createHash } from 'node:crypto';
import { bytesSource } from '../../src/image/memory.js';
import { PageferryError } from '../../src/page/error.js';
import { PLAIN_FRAMES } from '../../src/store/encryption/frame-cipher.js';
import { Checks, FRAME_HEAD_BYTES } from '../../src/store/format.js';
import { decodeFrameRecord, type FramePlace } from '../../src/store/frame-record.js';
import { decodeManifest, encodeManifest } from '../../src/store/manifest.js';
import { decodePageFeatures, encodePageFeatures } from '../../src/store/page-features.js';
import { FrameCache } from '../../src/store/read/frame-cache.js';
import { PageDecoder } from '../../src/store/read/page-decoder.js';
import { recordCheck } from '../../src/store/record-check.js';
import { openExport } from '../../src/store/transfer/import.js';
import { verifyFile } from '../../src/store/transfer/verified-file.js';
import { type Guarded, guardedKernels } from './guarded.js';
import { type Dice, diceOf, joined, mutate } from './mutate.js';
import { refused } from './sinks.js';
import { createSamples, type StoreSamples } from './store-samples.js';
import type { Tally } from './tally.js';

const MEMORY_BYTES = 24 << 20;
const CACHE_BYTES = 1 << 17;
const HEAD_FIELDS = 24;
const SHA256_BYTES = 32;
/** Where the changed frame is, for the reader of packs. */
const CHANGED_AT = 2 ** 40;

/** Feeds hostile packs, manifests, records and streams to the store; input n of a seed is always the same. */
export class StoreDriver {
  private readonly checks: Checks;
  private readonly payload: number;

  private constructor(
    private readonly seed: number,
    private readonly samples: StoreSamples,
    private readonly guarded: Guarded,
    private readonly signer: Guarded,
  ) {
    this.checks = new Checks(signer.kernels, signer.kernels);
    this.payload = signer.kernels.reserve(1 << 17, 'payload');
  }

  static async create(seed: number): Promise<StoreDriver> {
    const samples = await createSamples(diceOf(seed, 'store samples', 0));
    return new StoreDriver(seed, samples, await guardedKernels(MEMORY_BYTES), await guardedKernels(1 << 19));
  }

  /** @throws when changed bytes are taken for a snapshot's, or anything but a PageferryError is thrown */
  async run(number: number, tally: Tally): Promise<void> {
    const dice = diceOf(this.seed, 'store', number);
    const kind = dice.below(1000);
    try {
      if (kind < 20) await this.stream(dice);
      else if (kind < 400) this.manifest(dice);
      else if (kind < 500) this.record(dice);
      else if (kind < 550) this.features(dice);
      else this.frame(dice);
      tally.right++;
    } catch (error) {
      refused(error, tally);
    }
  }

  private manifest(dice: Dice): void {
    const { name, bytes } = dice.pick(this.samples.manifests);
    const { changed, isSigned } = hostileRecord(
      bytes,
      `manifest ${name}`,
      dice,
      dice.pick(this.samples.manifests).bytes,
    );
    const runs = decodeManifest(name, changed);
    expectUnchanged(changed, bytes, isSigned);
    if (runs.count > changed.length) throw new Error(`${runs.count} runs of ${changed.length} bytes`);
    for (let i = 0; i < runs.count; i++) {
      const length = runs.end(i) - runs.starts[i]!;
      if (!(length > 0) || (runs.frames[i] !== 0 && runs.slots[i]! + length > 255))
        throw new Error(`run ${i}: ${length} pages from slot ${runs.slots[i]}`);
    }
    const again = decodeManifest(name, encodeManifest(name, runs));
    if (again.pages !== runs.pages || again.count !== runs.count)
      throw new Error('the manifest is another one');
  }

  private record(dice: Dice): void {
    const { id, bytes } = dice.pick(this.samples.records);
    const { changed, isSigned } = hostileRecord(
      bytes,
      `frame ${id}`,
      dice,
      dice.pick(this.samples.records).bytes,
    );
    const { digests, deltas } = decodeFrameRecord(id, changed);
    expectUnchanged(changed, bytes, isSigned);
    if (digests.length + deltas.length > changed.length) throw new Error('more than its bytes');
  }

  private features(dice: Dice): void {
    const { id, bytes } = dice.pick(this.samples.features);
    const other = dice.pick(this.samples.features).bytes;
    const { changed, isSigned } = hostileRecord(bytes, `features ${id}`, dice, other);
    const frames = decodePageFeatures(id, changed);
    expectUnchanged(changed, bytes, isSigned);
    const again = encodePageFeatures(id, frames);
    if (Buffer.compare(again, changed) !== 0) throw new Error('the features are others');
  }

  /** Change a frame of a pack, and decode all its pages. */
  private frame(dice: Dice): void {
    const { frames, pageBytes, frameBytes, images } = this.samples;
    const [id, record] = dice.pick([...frames]);
    const original = this.frameBytes(id);
    const isIntact = dice.oneIn(30);
    const changed = isIntact ? original : this.hostileFrame(original, dice);
    const isSigned = !isIntact && !dice.oneIn(8) && this.sign(changed);
    const { guarded } = this;
    guarded.rewind();
    const packs = {
      read: (_: number, offset: number, into: Uint8Array, at: number, bytes: number) => {
        const [from, start] =
          offset >= CHANGED_AT ? [changed, offset - CHANGED_AT] : [this.samples.pack, offset];
        if (start + bytes > from.length)
          throw new PageferryError('bad-stream', `pack: ends before byte ${offset}`);
        into.set(from.subarray(start, start + bytes), at);
        return bytes;
      },
    };
    const find = (wanted: number): FramePlace => {
      const place = frames.get(wanted);
      if (!place) throw new PageferryError('bad-stream', `frame ${wanted}: is not in the store`);
      return wanted === id ? { pack: 1, offset: CHANGED_AT, bytes: changed.length } : place;
    };
    const options = { packs, cipher: PLAIN_FRAMES, pageBytes, frameBytes, cacheBytes: CACHE_BYTES };
    const cache = new FrameCache(guarded.kernels, options);
    const decoder = new PageDecoder(cache, find, pageBytes);
    try {
      for (let slot = 0; slot < record.digests.length / 16; slot++) {
        const page = decoder.decode(id, slot);
        if (page.length !== pageBytes) throw new Error(`slot ${slot}: ${page.length} bytes`);
        if (!isSigned && !isIn(images, page, pageBytes))
          throw new Error(`slot ${slot} is no page of a snapshot`);
      }
    } catch (error) {
      if (isIntact) throw new Error(`lost frame ${id}, which is intact`, { cause: error });
      throw error;
    } finally {
      guarded.check();
    }
    expectUnchanged(changed, original, isSigned);
  }

  /** Change the head, the table or any bytes. */
  private hostileFrame(original: Uint8Array, dice: Dice): Uint8Array {
    const other = this.frameBytes(dice.pick([...this.samples.frames.keys()]));
    const tableEnd =
      FRAME_HEAD_BYTES + new DataView(original.buffer, original.byteOffset).getUint16(16, true);
    const part = dice.below(3);
    if (part === 0) return mutate(original, dice, other);
    const [from, to] = part === 1 ? [0, HEAD_FIELDS] : [FRAME_HEAD_BYTES, tableEnd];
    const changed = mutate(original.subarray(from, to), dice, other.subarray(from, to));
    return joined(original.subarray(0, from), changed, original.subarray(to));
  }

  /** Make the size and the check of a frame right; false if it has no head. */
  private sign(frame: Uint8Array): boolean {
    const bytes = frame.length - FRAME_HEAD_BYTES;
    if (bytes < 0 || bytes > 1 << 17) return false;
    new DataView(frame.buffer, frame.byteOffset).setUint32(8, bytes, true);
    this.signer.kernels.bytes.set(frame.subarray(FRAME_HEAD_BYTES), this.payload);
    this.checks.writeFrame(frame.subarray(0, FRAME_HEAD_BYTES), this.payload, bytes);
    return true;
  }

  private frameBytes(id: number): Uint8Array {
    const { offset, bytes } = this.samples.frames.get(id)!;
    return this.samples.pack.slice(offset, offset + bytes);
  }

  /** Change a stream for another store, and read the first bytes of all its snapshots. */
  private async stream(dice: Dice): Promise<void> {
    const { stream, images } = this.samples;
    const changed = mutate(stream, dice, stream);
    const isSigned = changed.length > SHA256_BYTES && !dice.oneIn(4);
    if (isSigned) {
      const end = changed.length - SHA256_BYTES;
      changed.set(createHash('sha256').update(changed.subarray(0, end)).digest(), end);
    }
    const file = await verifyFile(bytesSource(changed, 'stream'), '.');
    const buffer = new Uint8Array(1 << 20);
    for (const { info, source } of await openExport(file)) {
      const count = await source.read(buffer);
      const image = images.get(info.name);
      if (!isSigned && !(image && Buffer.compare(buffer.subarray(0, count), image) === 0))
        throw new Error(`snapshot ${info.name} is none of those that were exported`);
    }
    expectUnchanged(changed, stream, isSigned);
  }
}

/** Change a record that ends with its check, and make the check right most times. */
function hostileRecord(bytes: Uint8Array, checkName: string, dice: Dice, other: Uint8Array) {
  if (dice.oneIn(8)) return { changed: mutate(bytes, dice, other), isSigned: false };
  const content = mutate(bytes.subarray(0, bytes.length - 4), dice, other.subarray(0, other.length - 4));
  const check = new Uint8Array(4);
  new DataView(check.buffer).setUint32(0, recordCheck(checkName, content), true);
  return { changed: joined(content, check), isSigned: true };
}

/** @throws when bytes that differ were taken though their check is not right */
function expectUnchanged(changed: Uint8Array, original: Uint8Array, isSigned: boolean): void {
  if (!isSigned && Buffer.compare(changed, original) !== 0) throw new Error('changed bytes were taken');
}

function isIn(images: ReadonlyMap<string, Uint8Array>, page: Uint8Array, pageBytes: number): boolean {
  for (const image of images.values())
    for (let at = 0; at < image.length; at += pageBytes) {
      const length = Math.min(pageBytes, image.length - at);
      if (Buffer.compare(page.subarray(0, length), image.subarray(at, at + length)) === 0) return true;
    }
  return false;
}
