// Replies to valid requests. They read in pieces; other clients are served between two pieces.
import { readImage, runOf } from './image-access.js';
import { BASE_ALLOCATION_ID, CHUNK, COMMAND_FLAG, fields, STATE_DATA, STATE_ZERO } from './protocol.js';
import type { ReplyContext, Request } from './request.js';
import { TURN_BYTES } from './turns.js';

/** Most extents of one reply; a client asks again for the rest. */
const MAX_EXTENTS = 1024;
/** Most bytes of one call to `run`, and most calls for one reply. */
const STATUS_STEP_BYTES = 1 << 20;
const MAX_STATUS_STEPS = 4096;
/** Zero bytes that take as long as a byte of data. */
const ZERO_SHARE = 16;
/** Calls to `run` in a turn. */
const TURN_STEPS = 16;

/** Reply with chunks of data and holes. An error in the middle ends the reply with its offset. */
export async function readChunks(to: ReplyContext, request: Request): Promise<void> {
  const { image } = to.session;
  const end = request.offset + request.length;
  for (let at = request.offset; at < end; ) {
    let taken = 0;
    const pieceEnd = Math.min(end, at + TURN_BYTES);
    const parts: Uint8Array[] = [];
    let failure: { readonly cause: unknown } | undefined;
    while (at < pieceEnd) {
      try {
        const { bytes, zero } = await runOf(image, at, pieceEnd - at);
        const isLast = at + bytes === end;
        if (zero) {
          const hole = fields([64, at], [32, bytes]);
          parts.push(to.chunkHead(request, CHUNK.OFFSET_HOLE, hole.length, isLast), hole);
        } else {
          const data = Buffer.allocUnsafe(bytes);
          await readImage(image, data, at);
          parts.push(to.chunkHead(request, CHUNK.OFFSET_DATA, 8 + bytes, isLast), fields([64, at]), data);
        }
        at += bytes;
        taken += zero ? bytes / ZERO_SHARE : bytes;
      } catch (cause) {
        failure = { cause };
        break;
      }
    }
    await to.socket.write(...parts);
    if (failure) return await to.failAt(request, at, failure.cause);
    await to.took(taken);
  }
}

/** Reply with all bytes in one piece, a simple reply or a chunk: nothing is sent before all are read. */
export async function readWhole(to: ReplyContext, request: Request): Promise<void> {
  const { image, hasStructuredReplies } = to.session;
  const { offset, length } = request;
  const data = Buffer.alloc(length);
  for (let done = 0; done < length; ) {
    try {
      const { bytes, zero } = await runOf(image, offset + done, Math.min(TURN_BYTES, length - done));
      if (!zero) await readImage(image, data.subarray(done, done + bytes), offset + done);
      done += bytes;
      await to.took(zero ? bytes / ZERO_SHARE : bytes);
    } catch (cause) {
      return await to.failAt(request, offset + done, cause);
    }
  }
  if (!hasStructuredReplies) return await to.socket.write(to.simpleHead(request), data);
  const head = to.chunkHead(request, CHUNK.OFFSET_DATA, 8 + length, true);
  await to.socket.write(head, fields([64, offset]), data);
}

/** Reply with the extents of `base:allocation` from the request's offset on. */
export async function blockStatus(to: ReplyContext, request: Request): Promise<void> {
  const { offset, length, flags } = request;
  const maxExtents = flags & COMMAND_FLAG.REQ_ONE ? 1 : MAX_EXTENTS;
  const extents: { bytes: number; readonly zero: boolean }[] = [];
  for (let done = 0, step = 0; done < length && step < MAX_STATUS_STEPS; step++) {
    let run: { readonly bytes: number; readonly zero: boolean };
    try {
      run = await runOf(to.session.image, offset + done, Math.min(STATUS_STEP_BYTES, length - done));
    } catch (cause) {
      return await to.failAt(request, offset + done, cause);
    }
    const last = extents.at(-1);
    if (last?.zero === run.zero) last.bytes += run.bytes;
    else if (extents.length < maxExtents) extents.push({ ...run });
    else break;
    done += run.bytes;
    await to.took(TURN_BYTES / TURN_STEPS);
  }
  const content = fields(
    [32, BASE_ALLOCATION_ID],
    ...extents.flatMap(
      ({ bytes, zero }) =>
        [
          [32, bytes],
          [32, zero ? STATE_ZERO : STATE_DATA],
        ] as const,
    ),
  );
  await to.socket.write(to.chunkHead(request, CHUNK.BLOCK_STATUS, content.length, true), content);
}
