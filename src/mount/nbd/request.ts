import { PageferryError } from '../../page/error.js';
import type { ClientSocket } from './client-socket.js';
import type { Session } from './negotiate.js';
import { COMMAND, COMMAND_FLAG, MAX_REQUEST_BYTES, NBD_ERROR, REQUEST_MAGIC } from './protocol.js';

/** A request of a client. */
export interface Request {
  readonly flags: number;
  readonly type: number;
  /** Identifies the request in replies, 8 bytes. */
  readonly cookie: Uint8Array;
  readonly offset: number;
  readonly length: number;
}

/** Output and accounting for the reply to a request. */
export interface ReplyContext {
  readonly socket: ClientSocket;
  readonly session: Session;
  /** Record that `bytes` bytes were read; wait while other clients have their turn. */
  took(bytes: number): Promise<void> | undefined;
  /** Return the head of a chunk of a structured reply. */
  chunkHead(request: Request, type: number, length: number, isDone: boolean): Uint8Array;
  /** Return the head of a simple reply. */
  simpleHead(request: Request, error?: number): Uint8Array;
  /** Reply that an image could not be read at `offset`, and report it. */
  failAt(request: Request, offset: number, cause: unknown): Promise<void>;
}

/** Parse the head of a request. @throws PageferryError `unsupported` for another magic */
export function parseRequest(head: Buffer): Request {
  if (head.readUInt32BE() !== REQUEST_MAGIC)
    throw new PageferryError('unsupported', 'a request without its magic: not a client of NBD');
  return {
    flags: head.readUInt16BE(4),
    type: head.readUInt16BE(6),
    cookie: head.subarray(8, 16),
    // Offsets above 2^53 lose digits here, but are beyond the end of any image.
    offset: Number(head.readBigUInt64BE(16)),
    length: head.readUInt32BE(24),
  };
}

/** Return the error for a request that is refused; undefined for a valid one. */
export function refusal(
  { type, flags, offset, length }: Request,
  { image, hasBlockStatus }: Session,
): { readonly error: number; readonly reason: string } | undefined {
  const invalid = (reason: string) => ({ error: NBD_ERROR.EINVAL, reason });
  if (type === COMMAND.WRITE || type === COMMAND.TRIM || type === COMMAND.WRITE_ZEROES)
    return { error: NBD_ERROR.EPERM, reason: 'the export is read-only' };
  const isRead = type === COMMAND.READ;
  if (!isRead && !(type === COMMAND.BLOCK_STATUS && hasBlockStatus))
    return invalid(`command ${type} was not agreed on`);
  if (flags & ~(isRead ? COMMAND_FLAG.DF : COMMAND_FLAG.REQ_ONE))
    return invalid(`command ${type} with flags 0x${flags.toString(16)}`);
  if (length === 0) return invalid('0 bytes');
  if (offset > image.bytes || length > image.bytes - offset)
    return invalid(`${length} bytes at ${offset}: the export has ${image.bytes}`);
  if (isRead && length > MAX_REQUEST_BYTES) return invalid(`${length} bytes, more than ${MAX_REQUEST_BYTES}`);
  return undefined;
}
