// Writes directories of CRIU's images by their grammar, independently of src/image/criu.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { join } from 'node:path';

export interface Entry {
  readonly address: bigint;
  /** Content of pages that are in the directory, or the number of pages that are elsewhere. */
  readonly pages: Buffer | number;
  /** Flags of the entry: 1 in the parent, 2 lazy, 4 present (default: that of the content). */
  readonly flags?: number;
  /** Whether the entry is that of an old version, without flags. */
  readonly isOld?: boolean;
}

/** Write a page map and its pages. */
export function writePagemap(dir: string, name: string, pagesId: number, entries: readonly Entry[]): void {
  fs.mkdirSync(dir, { recursive: true });
  const messages = [message([[1, BigInt(pagesId)]]), ...entries.map(entryMessage)];
  const magic = Buffer.alloc(8);
  magic.writeUInt32LE(0x54564319);
  magic.writeUInt32LE(0x56084025, 4);
  fs.writeFileSync(join(dir, `pagemap-${name}.img`), Buffer.concat([magic, ...messages]));
  const pages = entries.flatMap((entry) => (typeof entry.pages === 'number' ? [] : [entry.pages]));
  fs.writeFileSync(join(dir, `pages-${pagesId}.img`), Buffer.concat(pages));
}

function entryMessage({ address, pages, flags, isOld }: Entry): Buffer {
  const isHere = typeof pages !== 'number';
  const count = BigInt(isHere ? pages.length / 4096 : pages);
  const place: [number, bigint][] = isOld
    ? isHere
      ? []
      : [[3, 1n]]
    : [[4, BigInt(flags ?? (isHere ? 4 : 1))]];
  return message([[1, address], [2, count], ...place]);
}

function message(fields: readonly (readonly [field: number, value: bigint])[]): Buffer {
  const bytes = fields.flatMap(([field, value]) => [...varint(BigInt(field << 3)), ...varint(value)]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return Buffer.concat([length, Buffer.from(bytes)]);
}

function varint(value: bigint): number[] {
  return value < 0x80n ? [Number(value)] : [Number(value & 0x7fn) | 0x80, ...varint(value >> 7n)];
}

/** Digests of the files of a directory by name; a link is the text after ">". */
export function filesOf(dir: string): Map<string, string> {
  return new Map(
    fs.readdirSync(dir, { withFileTypes: true }).map((entry) => {
      const path = join(dir, entry.name);
      return entry.isSymbolicLink()
        ? [entry.name, `>${fs.readlinkSync(path)}`]
        : [entry.name, createHash('sha256').update(fs.readFileSync(path)).digest('hex')];
    }),
  );
}
