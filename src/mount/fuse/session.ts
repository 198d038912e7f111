import { constants } from 'node:fs';
import type { ServedImage } from '../served-image.js';
import { type Nodes, readU64, writeU64 } from './nodes.js';
import * as fuse from './protocol.js';
import { ERRNO, OPCODE, REPLY_HEAD_BYTES, REQUEST_HEAD_BYTES } from './protocol.js';
import { RefusedReads } from './refused-reads.js';

/** Most runs that one search for data or a hole looks at: later reads wait for it. */
const MAX_SEEK_RUNS = 4096;
/** Most bytes of a run that a search asks for. */
const SEEK_RUN_BYTES = 1 << 30;

/** Options of a session. */
export interface SessionOptions {
  /**
   * Most bytes of the kernel's read-ahead; 0 disables it. A page fault in a mapping with MADV_HUGEPAGE
   * (QEMU's) reads 4 MiB whatever this limit is: with 0, such reads are refused, and the kernel asks again
   * for each page that is needed.
   */
  readonly maxReadahead: number;
  /** Allow files to be opened for writing, as programs do for private mappings; writes fail. */
  readonly allowsWriteOpen: boolean;
  /** Called when a read has failed. */
  readonly onDamage: (image: ServedImage, offset: number, error: unknown) => void;
  /** Called when a program writes to a file, which fails. */
  readonly onWrite?: () => void;
  /** Called for every read that succeeded, with the image's number. */
  readonly onRead?: (image: number, offset: number, bytes: number) => void;
}

/**
 * Answers the kernel's requests, one at a time. Its only state between requests are the reads that it has
 * refused, so a request that is out of order or invalid gets an error and has no other effect.
 */
export class FuseSession {
  /** The answer to the last request: as many bytes as `handle` returned. */
  readonly reply = new Uint8Array(REPLY_HEAD_BYTES + fuse.MAX_READ);
  private readonly view = new DataView(this.reply.buffer);
  private readonly request: DataView;
  private readonly name = new TextDecoder();
  private readonly encoder = new TextEncoder();
  private readonly readahead = new RefusedReads();
  /** Whether the kernel has ended the session. */
  isDestroyed = false;

  /** `requestBytes`: the buffer that requests are read into. */
  constructor(
    private readonly nodes: Nodes,
    private readonly requestBytes: Uint8Array,
    private readonly options: SessionOptions,
  ) {
    this.request = new DataView(requestBytes.buffer, requestBytes.byteOffset, requestBytes.byteLength);
  }

  /** Answer the request of `bytes` bytes in the buffer; return the bytes of the reply, 0 if there is none. */
  handle(bytes: number): number {
    // Without a whole head there is no request that could be answered.
    if (bytes < REQUEST_HEAD_BYTES) return 0;
    const { request, view } = this;
    const opcode = request.getUint32(4, true);
    const node = readU64(request, 16);
    view.setUint32(8, request.getUint32(8, true), true);
    view.setUint32(12, request.getUint32(12, true), true);
    if (request.getUint32(0, true) !== bytes) return this.finish(-ERRNO.EINVAL);
    const result = this.answer(opcode, node, bytes - REQUEST_HEAD_BYTES);
    return result === NO_REPLY ? 0 : this.finish(result);
  }

  /** Write the reply's head. `result`: bytes after the head, or minus an error number. */
  private finish(result: number): number {
    const bytes = REPLY_HEAD_BYTES + Math.max(0, result);
    this.view.setUint32(0, bytes, true);
    this.view.setInt32(4, Math.min(0, result), true);
    return bytes;
  }

  /** Answer a request of `bytes` bytes after its head; return the result for `finish`, or NO_REPLY. */
  private answer(opcode: number, node: number, bytes: number): number {
    switch (opcode) {
      case OPCODE.READ:
        return this.read(node, bytes);
      case OPCODE.GETATTR:
        return this.nodes.has(node)
          ? this.nodes.writeAttributes(this.view, REPLY_HEAD_BYTES, node)
          : -ERRNO.ENOENT;
      case OPCODE.LOOKUP:
        return this.lookup(node, bytes);
      case OPCODE.OPEN:
      case OPCODE.OPENDIR:
        return this.open(node, bytes, opcode === OPCODE.OPENDIR);
      case OPCODE.READDIR:
        return this.readDirectory(node, bytes);
      case OPCODE.LSEEK:
        return this.seek(node, bytes);
      case OPCODE.STATFS:
        return this.statfs();
      case OPCODE.INIT:
        return this.init(bytes);
      case OPCODE.DESTROY:
        this.isDestroyed = true;
        return 0;
      case OPCODE.RELEASE:
      case OPCODE.RELEASEDIR:
      case OPCODE.FSYNC:
      case OPCODE.FSYNCDIR:
        return 0;
      case OPCODE.SETATTR:
        return -ERRNO.EROFS;
      case OPCODE.WRITE:
        this.options.onWrite?.();
        return -ERRNO.EROFS;
      case OPCODE.FORGET:
      case OPCODE.BATCH_FORGET:
      case OPCODE.INTERRUPT:
        return NO_REPLY;
      default:
        // The kernel does not send an optional request again after ENOSYS.
        return -ERRNO.ENOSYS;
    }
  }

  private read(node: number, bytes: number): number {
    if (bytes < 24) return -ERRNO.EINVAL;
    const number = this.nodes.imageNumber(node);
    const image = this.nodes.images[number];
    if (!image) return this.nodes.has(node) ? -ERRNO.EISDIR : -ERRNO.ENOENT;
    const offset = readU64(this.request, REQUEST_HEAD_BYTES + 8);
    const size = this.request.getUint32(REQUEST_HEAD_BYTES + 16, true);
    if (size > fuse.MAX_READ) return -ERRNO.EINVAL;
    const count = Math.max(0, Math.min(size, image.bytes - offset));
    if (count === 0) return 0;
    const readsAhead =
      count > fuse.MAX_PAGE_BYTES && this.options.maxReadahead === 0 && !this.isDirect(bytes);
    if (readsAhead && this.readahead.addFirst(number, offset, count)) return -ERRNO.EAGAIN;
    try {
      image.read(this.reply.subarray(REPLY_HEAD_BYTES, REPLY_HEAD_BYTES + count), offset);
    } catch (error) {
      this.options.onDamage(image, offset, error);
      return -ERRNO.EIO;
    }
    this.options.onRead?.(number, offset, count);
    return count;
  }

  /** Whether a READ bypasses the page cache (O_DIRECT): the program waits for all of its bytes. */
  private isDirect(bytes: number): boolean {
    const flags = bytes < 36 ? 0 : this.request.getUint32(REQUEST_HEAD_BYTES + 32, true);
    return (flags & constants.O_DIRECT) !== 0;
  }

  private lookup(node: number, bytes: number): number {
    if (!this.nodes.has(node)) return -ERRNO.ENOENT;
    if (!this.nodes.isDirectoryNode(node)) return -ERRNO.ENOTDIR;
    const name = this.requestBytes.subarray(REQUEST_HEAD_BYTES, REQUEST_HEAD_BYTES + bytes);
    const end = name.indexOf(0);
    if (end < 0) return -ERRNO.EINVAL;
    const found = this.nodes.find(this.name.decode(name.subarray(0, end)));
    return found === 0 ? -ERRNO.ENOENT : this.nodes.writeEntry(this.view, REPLY_HEAD_BYTES, found);
  }

  private open(node: number, bytes: number, isDirectory: boolean): number {
    if (bytes < 4) return -ERRNO.EINVAL;
    if (!this.nodes.has(node)) return -ERRNO.ENOENT;
    if (this.nodes.isDirectoryNode(node) !== isDirectory) return isDirectory ? -ERRNO.ENOTDIR : -ERRNO.EISDIR;
    const accessMode = this.request.getUint32(REQUEST_HEAD_BYTES, true) & 3;
    if (accessMode !== 0 && !this.options.allowsWriteOpen) return -ERRNO.EROFS;
    writeU64(this.view, REPLY_HEAD_BYTES, 0);
    writeU64(this.view, REPLY_HEAD_BYTES + 8, isDirectory ? 0 : fuse.KEEP_CACHE);
    return 16;
  }

  private readDirectory(node: number, bytes: number): number {
    if (bytes < 24) return -ERRNO.EINVAL;
    if (!this.nodes.isDirectoryNode(node)) return this.nodes.has(node) ? -ERRNO.ENOTDIR : -ERRNO.ENOENT;
    const { nodes, view, reply } = this;
    const size = Math.min(this.request.getUint32(REQUEST_HEAD_BYTES + 16, true), fuse.MAX_READ);
    const end = REPLY_HEAD_BYTES + size;
    let at = REPLY_HEAD_BYTES;
    for (let i = readU64(this.request, REQUEST_HEAD_BYTES + 8); i < nodes.entryCount; i++) {
      const name = this.encoder.encode(nodes.entryName(i));
      const number = nodes.entryNode(i);
      const next = at + fuse.DIRENT_BYTES + Math.ceil(name.length / 8) * 8;
      if (next > end) break;
      reply.fill(0, at, next);
      writeU64(view, at, number);
      writeU64(view, at + 8, i + 1);
      view.setUint32(at + 16, name.length, true);
      view.setUint32(at + 20, nodes.typeOf(number) >>> 12, true);
      reply.set(name, at + fuse.DIRENT_BYTES);
      at = next;
    }
    return at - REPLY_HEAD_BYTES;
  }

  /** Find the next data or hole. A hole may be reported as data, where the search ends early. */
  private seek(node: number, bytes: number): number {
    if (bytes < 24) return -ERRNO.EINVAL;
    const image = this.nodes.images[this.nodes.imageNumber(node)];
    if (!image) return -ERRNO.EINVAL;
    const offset = readU64(this.request, REQUEST_HEAD_BYTES + 8);
    const whence = this.request.getUint32(REQUEST_HEAD_BYTES + 16, true);
    if (whence !== fuse.SEEK_DATA && whence !== fuse.SEEK_HOLE) return -ERRNO.EINVAL;
    if (offset >= image.bytes) return -ERRNO.ENXIO;
    let at = offset;
    try {
      at = findRun(image, offset, whence === fuse.SEEK_HOLE);
    } catch (error) {
      this.options.onDamage(image, offset, error);
      return -ERRNO.EIO;
    }
    if (at >= image.bytes && whence === fuse.SEEK_DATA) return -ERRNO.ENXIO;
    writeU64(this.view, REPLY_HEAD_BYTES, at);
    return 8;
  }

  private statfs(): number {
    const { view, nodes, reply } = this;
    reply.fill(0, REPLY_HEAD_BYTES, REPLY_HEAD_BYTES + fuse.STATFS_BYTES);
    const bytes = nodes.images.reduce((sum, image) => sum + image.bytes, 0);
    writeU64(view, REPLY_HEAD_BYTES, Math.ceil(bytes / 4096));
    writeU64(view, REPLY_HEAD_BYTES + 24, nodes.images.length);
    view.setUint32(REPLY_HEAD_BYTES + 40, 4096, true);
    view.setUint32(REPLY_HEAD_BYTES + 44, 255, true);
    view.setUint32(REPLY_HEAD_BYTES + 48, 4096, true);
    return fuse.STATFS_BYTES;
  }

  private init(bytes: number): number {
    if (bytes < 16) return -ERRNO.EINVAL;
    const { view, reply, request } = this;
    const major = request.getUint32(REQUEST_HEAD_BYTES, true);
    if (major < fuse.PROTOCOL_MAJOR) return -ERRNO.EPROTO;
    const flags = request.getUint32(REQUEST_HEAD_BYTES + 12, true);
    reply.fill(0, REPLY_HEAD_BYTES, REPLY_HEAD_BYTES + fuse.INIT_REPLY_BYTES);
    view.setUint32(REPLY_HEAD_BYTES, fuse.PROTOCOL_MAJOR, true);
    view.setUint32(REPLY_HEAD_BYTES + 4, fuse.PROTOCOL_MINOR, true);
    // A kernel with a later major version sends INIT again, with this version.
    if (major > fuse.PROTOCOL_MAJOR) return fuse.INIT_REPLY_BYTES;
    view.setUint32(REPLY_HEAD_BYTES + 8, this.options.maxReadahead, true);
    view.setUint32(REPLY_HEAD_BYTES + 12, flags & fuse.INIT_FLAGS, true);
    view.setUint32(REPLY_HEAD_BYTES + 20, fuse.MAX_WRITE, true);
    view.setUint32(REPLY_HEAD_BYTES + 24, 1, true);
    view.setUint16(REPLY_HEAD_BYTES + 28, fuse.MAX_READ_PAGES, true);
    return fuse.INIT_REPLY_BYTES;
  }
}

const NO_REPLY = Number.NEGATIVE_INFINITY;

/**
 * Return the start of the first hole, or of the first data, at or after `offset`; the image's end if none.
 */
function findRun(image: ServedImage, offset: number, isHole: boolean): number {
  let at = offset;
  for (let runs = 0; at < image.bytes; runs++) {
    if (runs === MAX_SEEK_RUNS) return isHole ? image.bytes : at;
    const { bytes, zero } = image.run(at, Math.min(SEEK_RUN_BYTES, image.bytes - at));
    if (zero === isHole) return at;
    at += bytes;
  }
  return image.bytes;
}
