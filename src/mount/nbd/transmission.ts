// The transmission phase: requests of one client and the replies to them.
import { PageferryError } from '../../page/error.js';
import { Semaphore } from '../../page/sync.js';
import type { ClientSocket } from './client-socket.js';
import type { Session } from './negotiate.js';
import {
  CHUNK,
  CHUNK_DONE,
  CHUNK_MAGIC,
  COMMAND,
  COMMAND_FLAG,
  fields,
  MAX_REQUEST_BYTES,
  NBD_ERROR,
  REQUEST_BYTES,
  SIMPLE_REPLY_MAGIC,
} from './protocol.js';
import { blockStatus, readChunks, readWhole } from './replies.js';
import { parseRequest, type ReplyContext, type Request, refusal } from './request.js';
import { TURN_BYTES, type Turns } from './turns.js';

/**
 * Most requests of one client in flight, if the image's bytes come over a network. With a local image it is
 * one: a second would only compete for the cache of frames.
 */
const MAX_IN_FLIGHT = 16;
/** Most bytes of these requests together. */
const MAX_IN_FLIGHT_BYTES = MAX_REQUEST_BYTES;

/** Serves the requests of one client. */
export class Transmission implements ReplyContext {
  /** Units of `unitBytes` bytes that requests in flight take. */
  private readonly units: Semaphore;
  private readonly maxUnits: number;
  private readonly unitBytes: number;
  /** Bytes read since the last turn. */
  private turnBytes = 0;

  /** `onProblem` is called with every error of the image. */
  constructor(
    readonly socket: ClientSocket,
    readonly session: Session,
    private readonly turns: Turns,
    readonly onProblem: (error: unknown) => void,
  ) {
    this.maxUnits = session.image.later ? MAX_IN_FLIGHT : 1;
    this.unitBytes = MAX_IN_FLIGHT_BYTES / this.maxUnits;
    this.units = new Semaphore(this.maxUnits);
  }

  /** Serve requests until the client disconnects. @throws PageferryError the reason to drop the client */
  async run(): Promise<void> {
    for (;;) {
      const head = await this.socket.read(REQUEST_BYTES);
      const request = head && parseRequest(head);
      if (!request || request.type === COMMAND.DISC) break;
      if (request.type === COMMAND.WRITE) {
        if (request.length > MAX_REQUEST_BYTES)
          throw new PageferryError(
            'limit',
            `a write of ${request.length} bytes, more than ${MAX_REQUEST_BYTES}`,
          );
        await this.socket.skip(request.length);
      }
      const units = Math.max(1, Math.min(this.maxUnits, Math.ceil(request.length / this.unitBytes)));
      await this.units.acquire(units);
      this.serve(request).then(
        () => this.units.release(units),
        (cause) => {
          this.units.close(cause);
          this.socket.drop(cause);
        },
      );
    }
    await this.units.acquire(this.maxUnits); // the replies in flight
  }

  private async serve(request: Request): Promise<void> {
    const { type, flags } = request;
    const { session } = this;
    const code = refusal(request, session);
    if (code !== undefined) return await this.fail(request, code.error, code.reason);
    if (type === COMMAND.BLOCK_STATUS) return await blockStatus(this, request);
    const isWhole = !session.hasStructuredReplies || (flags & COMMAND_FLAG.DF) !== 0;
    return await (isWhole ? readWhole(this, request) : readChunks(this, request));
  }

  took(bytes: number): Promise<void> | undefined {
    this.turnBytes += bytes;
    if (this.turnBytes < TURN_BYTES) return undefined;
    this.turnBytes = 0;
    return this.turns.next();
  }

  /** Reply that an image could not be read at `offset`, and report it. */
  async failAt(request: Request, offset: number, cause: unknown): Promise<void> {
    this.onProblem(cause);
    await this.fail(request, NBD_ERROR.EIO, cause instanceof Error ? cause.message : `${cause}`, offset);
  }

  /** Reply with an error; `offset`: its position in the image, if it has one. */
  private async fail(request: Request, error: number, reason: string, offset?: number): Promise<void> {
    if (!this.session.hasStructuredReplies) {
      await this.socket.write(this.simpleHead(request, error));
      return;
    }
    const text = Buffer.from(reason).subarray(0, 1024);
    const type = offset === undefined ? CHUNK.ERROR : CHUNK.ERROR_OFFSET;
    const content = fields(
      [32, error],
      [16, text.length],
      text,
      ...(offset === undefined ? [] : ([[64, offset]] as const)),
    );
    await this.socket.write(this.chunkHead(request, type, content.length, true), content);
  }

  /** Return the head of a simple reply. */
  simpleHead({ cookie }: Request, error = 0): Buffer {
    return fields([32, SIMPLE_REPLY_MAGIC], [32, error], cookie);
  }

  /** Return the head of a chunk of a structured reply. */
  chunkHead({ cookie }: Request, type: number, length: number, isDone: boolean): Buffer {
    return fields([32, CHUNK_MAGIC], [16, isDone ? CHUNK_DONE : 0], [16, type], cookie, [32, length]);
  }
}
