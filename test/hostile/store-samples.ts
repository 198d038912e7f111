// A store whose packs, manifests, records and streams are the samples that are changed.
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bytesSource } from '../../src/image/memory.js';
import { openDatabase } from '../../src/store/database.js';
import { encodeFrameRecord, type FrameRecord } from '../../src/store/frame-record.js';
import { encodePageFeatures } from '../../src/store/page-features.js';
import { createStore } from '../../src/store/store.js';
import { guestImage, laterImage } from '../support/images.js';
import type { Dice } from './mutate.js';

const PAGE_BYTES = 4096;
const FRAME_BYTES = 4 * PAGE_BYTES;
const LAST_PAGE_BYTES = 100;

export interface StoreSamples {
  readonly pageBytes: number;
  readonly frameBytes: number;
  readonly images: ReadonlyMap<string, Uint8Array>;
  readonly pack: Uint8Array;
  readonly frames: ReadonlyMap<number, FrameRecord>;
  /** Records of frames as the database has them, with digests that depend on the seed alone. */
  readonly records: readonly { readonly id: number; readonly bytes: Uint8Array }[];
  /** Records of features of pages, by their first frames. */
  readonly features: readonly { readonly id: number; readonly bytes: Uint8Array }[];
  readonly manifests: readonly { readonly name: string; readonly bytes: Uint8Array }[];
  /** All snapshots as a stream for another store. */
  readonly stream: Uint8Array;
}

export async function createSamples(dice: Dice): Promise<StoreSamples> {
  const folder = fs.mkdtempSync(join(tmpdir(), 'pageferry-hostile-store-'));
  try {
    const dir = join(folder, 'store');
    const store = await createStore(dir, { pageBytes: PAGE_BYTES, frameBytes: FRAME_BYTES });
    const first = guestImage(PAGE_BYTES, dice.below(1000), LAST_PAGE_BYTES);
    const images = new Map<string, Uint8Array>([['a', first]]);
    images.set('b', laterImage(first, PAGE_BYTES, dice.below(1000)));
    images.set('c', laterImage(images.get('b')!, PAGE_BYTES, dice.below(1000)));
    let parent: string | undefined;
    for (const [name, image] of images) {
      const created = new Date(Date.UTC(2026, 0, 1 + images.size));
      await store.put(bytesSource(image, name), { name, created, ...(parent !== undefined && { parent }) });
      parent = name;
    }
    const parts: Uint8Array[] = [];
    await store.export([...images.keys()], (...some) => {
      parts.push(...some.map((part) => part.slice()));
    });
    await store.close();
    const db = await openDatabase(dir);
    const frames = new Map([...db.frameIds()].map((id) => [id, db.frame(id)!]));
    const manifests = [...images.keys()].map((name) => ({
      name,
      bytes: Uint8Array.from(db.manifest(name)!),
    }));
    const features = db
      .featureIds()
      .map((id) => ({ id, bytes: encodePageFeatures(id, db.pageFeatures(id)!) }));
    await db.close();
    const records = [...frames].map(([id, record]) => {
      const digests = record.digests.map(() => dice.word());
      return { id, bytes: encodeFrameRecord(id, { ...record, digests }) };
    });
    const pack = new Uint8Array(fs.readFileSync(join(dir, 'packs', '00000001.pack')));
    const stream = new Uint8Array(Buffer.concat(parts));
    return {
      pageBytes: PAGE_BYTES,
      frameBytes: FRAME_BYTES,
      images,
      pack,
      frames,
      records,
      features,
      manifests,
      stream,
    };
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}
