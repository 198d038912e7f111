import fs from 'node:fs';
import { errnoOf, systemReason } from '../../image/fs/errno.js';
import { Arena } from '../../kernels/arena.js';
import { bytesOfHex } from '../config.js';
import { Checks, checkPackHeader, PACK_HEADER_BYTES, packFileName } from '../format.js';
import { openPack, packPath } from '../pack-files.js';
import type { StoreContext } from '../store-context.js';
import type { CheckedStore } from './checked-store.js';
import type { DamagedPages } from './damaged-pages.js';

/** Sizes of a pack file. */
interface PackSize {
  /** Committed bytes, and those of them that the file has; 0 without a file. */
  readonly committed: number;
  readonly bytes: number;
}

/** Check the sizes and headers of packs, and that every frame is inside its pack and overlaps no other. */
export async function checkPacks(
  store: StoreContext,
  { frames }: CheckedStore,
  problems: string[],
  damage: DamagedPages,
): Promise<void> {
  const arena = new Arena();
  const checks = new Checks(arena, arena.kernels);
  await arena.allocate();
  const sizes = new Map<number, PackSize>();
  for (const number of store.db.packNumbers()) sizes.set(number, checkPack(store, number, checks, problems));
  const cut = new Map<number, number>();
  const ends = new Map<number, number>();
  const sorted = [...frames.values()].sort((a, b) => a.pack - b.pack || a.offset - b.offset);
  for (const { id, pack, offset, bytes } of sorted) {
    const from = ends.get(pack) ?? PACK_HEADER_BYTES;
    const size = sizes.get(pack) ?? { committed: 0, bytes: 0 };
    ends.set(pack, offset + bytes);
    if (offset >= from && offset + bytes <= size.bytes) continue;
    damage.addFrame(id);
    if (offset >= from && offset + bytes <= size.committed) cut.set(pack, (cut.get(pack) ?? 0) + 1);
    else
      problems.push(
        `frame ${id}: bytes ${offset} … ${offset + bytes} of ${packFileName(pack)} are not its own`,
      );
  }
  for (const [pack, { committed, bytes }] of sizes)
    if (bytes > 0 && bytes < committed)
      problems.push(
        `${packFileName(pack)}: is truncated: ends at byte ${bytes} of ${committed}; ` +
          `frames that are missing or not complete: ${cut.get(pack) ?? 0}`,
      );
}

/** Check that a pack exists, and its header; return its sizes. */
function checkPack(
  { db, dir, config }: StoreContext,
  number: number,
  checks: Checks,
  problems: string[],
): PackSize {
  const name = packFileName(number);
  let [committed, bytes] = [0, 0];
  try {
    committed = db.pack(number)!.bytes;
    const file = openPack(packPath(dir, number));
    try {
      bytes = Math.min(fs.fstatSync(file).size, committed);
      const header = new Uint8Array(PACK_HEADER_BYTES);
      fs.readSync(file, header, 0, PACK_HEADER_BYTES, 0);
      checkPackHeader(checks, header, number, bytesOfHex(config.id), name);
    } finally {
      fs.closeSync(file);
    }
  } catch (cause) {
    problems.push(
      errnoOf(cause) === 'ENOENT'
        ? `${name}: does not exist`
        : `${name}: ${systemReason(cause).replace(`${name}: `, '')}`,
    );
  }
  return { committed, bytes };
}
