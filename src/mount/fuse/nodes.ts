import { mountedName } from '../image-names.js';
import type { ServedImage } from '../served-image.js';
import { ATTRIBUTES_BYTES, ENTRY_BYTES, ROOT_NODE, S_IFDIR, S_IFREG } from './protocol.js';

/** Time for which the kernel may cache names and attributes: images do not change while they are mounted. */
const VALID_SECONDS = 365 * 24 * 3600;
const BLOCK_BYTES = 512;
const IO_BYTES = 65536;

/** Owner, permissions and time of all files of a mount. */
export interface FileAttributes {
  readonly uid: number;
  readonly gid: number;
  /** Permissions of a file; who may read it may also enter the directory. */
  readonly mode: number;
  readonly seconds: number;
}

/** The files of a mount: one image, or a directory of all images as files NAME.raw. */
export class Nodes {
  /** Node numbers by file name. */
  private readonly numbers = new Map<string, number>();
  private readonly names: string[] = [];

  constructor(
    readonly images: readonly ServedImage[],
    readonly isDirectory: boolean,
    private readonly attributes: FileAttributes,
  ) {
    if (!isDirectory) return;
    for (const { name } of images) {
      const fileName = mountedName(name);
      this.names.push(fileName);
      this.numbers.set(fileName, ROOT_NODE + this.names.length);
    }
  }

  /** Number of directory entries: the directory, its parent, then the files. */
  get entryCount(): number {
    return 2 + this.names.length;
  }

  entryName(index: number): string {
    return index === 0 ? '.' : index === 1 ? '..' : this.names[index - 2]!;
  }

  entryNode(index: number): number {
    return index < 2 ? ROOT_NODE : index;
  }

  /** Return the node number of a file of the directory; 0: there is none. */
  find(name: string): number {
    return this.numbers.get(name) ?? 0;
  }

  has(node: number): boolean {
    return node === ROOT_NODE || this.imageNumber(node) >= 0;
  }

  isDirectoryNode(node: number): boolean {
    return this.isDirectory && node === ROOT_NODE;
  }

  /** Return the number of the image of a node; -1: the node is not an image. */
  imageNumber(node: number): number {
    const number = this.isDirectory ? node - ROOT_NODE - 1 : node - ROOT_NODE;
    return number >= 0 && number < this.images.length ? number : -1;
  }

  typeOf(node: number): number {
    return this.isDirectoryNode(node) ? S_IFDIR : S_IFREG;
  }

  /** Write the attributes and the time for which they are valid; return their bytes. */
  writeAttributes(view: DataView, at: number, node: number): number {
    writeU64(view, at, VALID_SECONDS);
    writeU64(view, at + 8, 0);
    this.writeAttributeFields(view, at + 16, node);
    return 16 + ATTRIBUTES_BYTES;
  }

  /** Write the result of a lookup; return its bytes. */
  writeEntry(view: DataView, at: number, node: number): number {
    writeU64(view, at, node);
    writeU64(view, at + 8, 0);
    writeU64(view, at + 16, VALID_SECONDS);
    writeU64(view, at + 24, VALID_SECONDS);
    writeU64(view, at + 32, 0);
    this.writeAttributeFields(view, at + 40, node);
    return ENTRY_BYTES;
  }

  private writeAttributeFields(view: DataView, at: number, node: number): void {
    const isDirectory = this.isDirectoryNode(node);
    const bytes = isDirectory ? 0 : this.images[this.imageNumber(node)]!.bytes;
    const { uid, gid, mode, seconds } = this.attributes;
    writeU64(view, at, node);
    writeU64(view, at + 8, bytes);
    writeU64(view, at + 16, Math.ceil(bytes / BLOCK_BYTES));
    for (let time = at + 24; time < at + 48; time += 8) writeU64(view, time, seconds);
    for (let fraction = at + 48; fraction < at + 60; fraction += 4) view.setUint32(fraction, 0, true);
    view.setUint32(at + 60, isDirectory ? S_IFDIR | mode | ((mode >>> 2) & 0o111) : S_IFREG | mode, true);
    view.setUint32(at + 64, isDirectory ? 2 : 1, true);
    view.setUint32(at + 68, uid, true);
    view.setUint32(at + 72, gid, true);
    view.setUint32(at + 76, 0, true);
    view.setUint32(at + 80, IO_BYTES, true);
    view.setUint32(at + 84, 0, true);
  }
}

/** Write a u64, up to 2 ** 53. */
export function writeU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % 2 ** 32, true);
  view.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
}

/** Read an untrusted u64; above 2 ** 53 it is rounded, but no valid offset is that large. */
export function readU64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
}
