// Requests as the kernel makes them, and what the replies to them have inside.
import { Nodes } from '../../src/mount/fuse/nodes.js';
import { OPCODE, REQUEST_BYTES } from '../../src/mount/fuse/protocol.js';
import { FuseSession, type SessionOptions } from '../../src/mount/fuse/session.js';
import type { ServedImage } from '../../src/mount/served-image.js';

const HEAD_BYTES = 40;

/** An image in memory. Its bytes from `damagedAt` on cannot be read. */
export function memoryImage(name: string, content: Uint8Array, damagedAt = content.length): ServedImage {
  return {
    name,
    bytes: content.length,
    read(out, offset) {
      if (offset + out.length > damagedAt) throw new Error(`frame 7: damaged`);
      out.set(content.subarray(offset, offset + out.length));
    },
    run(offset, maxBytes) {
      const zero = content[offset] === 0;
      let bytes = 1;
      while (bytes < Math.min(maxBytes, content.length - offset) && (content[offset + bytes] === 0) === zero)
        bytes++;
      return { bytes, zero };
    },
  };
}

/** A session with a kernel that asks one thing after another. */
export interface Kernel {
  readonly session: FuseSession;
  readonly request: Uint8Array;
  /** Ask for an opcode with its arguments; returns the error's number, or the result's bytes. */
  ask(opcode: keyof typeof OPCODE | number, node: number, args?: Uint8Array): number | Uint8Array | undefined;
}

export function createKernel(
  images: readonly ServedImage[],
  isDirectory: boolean,
  options: Partial<SessionOptions> = {},
): Kernel {
  const request = new Uint8Array(REQUEST_BYTES);
  const nodes = new Nodes(images, isDirectory, { uid: 1, gid: 2, mode: 0o440, seconds: 1e9 });
  const session = new FuseSession(nodes, request, {
    maxReadahead: 1 << 20,
    allowsWriteOpen: false,
    onDamage: () => {},
    ...options,
  });
  let unique = 0n;
  return {
    session,
    request,
    ask(opcode, node, args = new Uint8Array(0)) {
      const view = new DataView(request.buffer);
      request.fill(0, 0, HEAD_BYTES);
      view.setUint32(0, HEAD_BYTES + args.length, true);
      view.setUint32(4, typeof opcode === 'number' ? opcode : OPCODE[opcode], true);
      view.setBigUint64(8, ++unique, true);
      view.setBigUint64(16, BigInt(node), true);
      request.set(args, HEAD_BYTES);
      return replyOf(session, session.handle(HEAD_BYTES + args.length), unique);
    },
  };
}

/** Check a reply's head; return minus the error, or the result. */
function replyOf(session: FuseSession, bytes: number, unique: bigint): number | Uint8Array | undefined {
  if (bytes === 0) return undefined;
  const view = new DataView(session.reply.buffer);
  if (view.getUint32(0, true) !== bytes) throw new Error(`a reply of ${bytes} bytes states another length`);
  if (view.getBigUint64(8, true) !== unique) throw new Error('a reply to another request');
  const error = view.getInt32(4, true);
  if (error !== 0 && bytes !== 16) throw new Error(`an error with ${bytes - 16} bytes of content`);
  return error === 0 ? session.reply.slice(16, bytes) : error;
}

/** Arguments of READ, READDIR and LSEEK: u64 handle, u64 offset, u32 size or whence, and the rest. */
export function rangeArguments(offset: number | bigint, size: number): Uint8Array {
  const args = new Uint8Array(40);
  const view = new DataView(args.buffer);
  view.setBigUint64(8, BigInt(offset), true);
  view.setUint32(16, size, true);
  return args;
}

export function initArguments(major: number, minor: number, flags = -1): Uint8Array {
  const args = new Uint8Array(64);
  new DataView(args.buffer).setUint32(0, major, true);
  new DataView(args.buffer).setUint32(4, minor, true);
  new DataView(args.buffer).setInt32(12, flags, true);
  return args;
}

export const nameArguments = (name: string): Uint8Array => new TextEncoder().encode(`${name}\0`);
