// The handshake: the client sends options until it has chosen an export.
import { badArgument, PageferryError } from '../../page/error.js';
import type { ServedImage } from '../served-image.js';
import type { ClientSocket } from './client-socket.js';
import type { Exports } from './exports.js';
import { OptionReader } from './option-reader.js';
import {
  BASE_ALLOCATION,
  BASE_ALLOCATION_ID,
  EXPORT_FLAG,
  FIXED_NEWSTYLE,
  fields,
  HANDSHAKE_MAGIC,
  INFO,
  MAX_OPTION_BYTES,
  MAX_REQUEST_BYTES,
  MAX_STRING_BYTES,
  NO_ZEROES,
  OPTION,
  OPTION_HEAD_BYTES,
  OPTION_MAGIC,
  OPTION_REPLY_MAGIC,
  REPLY,
} from './protocol.js';

/** Preferred size of reads. */
const PREFERRED_BLOCK_BYTES = 64 << 10;

/** Result of the handshake. */
export interface Session {
  readonly image: ServedImage;
  readonly hasStructuredReplies: boolean;
  /** Whether block status of `base:allocation` can be asked for. */
  readonly hasBlockStatus: boolean;
}

/**
 * Negotiate an export with a client. Resolves to undefined if the client ends the handshake.
 * @throws PageferryError `unsupported`, `limit`, `bad-argument`: the reason to drop the client; `io`
 */
export async function negotiate(socket: ClientSocket, exports: Exports): Promise<Session | undefined> {
  await socket.write(HANDSHAKE_MAGIC, fields([16, FIXED_NEWSTYLE | NO_ZEROES]));
  const flags = (await socket.readAll(4)).readUInt32BE();
  if ((flags & ~(FIXED_NEWSTYLE | NO_ZEROES)) !== 0 || (flags & FIXED_NEWSTYLE) === 0)
    throw new PageferryError('unsupported', `handshake flags 0x${flags.toString(16)}: not a client of NBD`);
  return await new Negotiation(socket, exports, (flags & NO_ZEROES) !== 0).run();
}

/** One client's handshake. */
class Negotiation {
  private hasStructuredReplies = false;
  /** The export for which the client chose `base:allocation`. */
  private statusOf: ServedImage | undefined;

  constructor(
    private readonly socket: ClientSocket,
    private readonly exports: Exports,
    private readonly withoutZeroes: boolean,
  ) {}

  /** Answer options until an export is chosen or the client ends the handshake. */
  async run(): Promise<Session | undefined> {
    for (;;) {
      const head = await this.socket.read(OPTION_HEAD_BYTES);
      if (!head) return undefined;
      if (!head.subarray(0, 8).equals(OPTION_MAGIC))
        throw new PageferryError('unsupported', 'an option without its magic: not a client of NBD');
      const option = head.readUInt32BE(8);
      const length = head.readUInt32BE(12);
      if (length > MAX_OPTION_BYTES)
        throw new PageferryError(
          'limit',
          `option ${option} of ${length} bytes, more than ${MAX_OPTION_BYTES}`,
        );
      const data = await this.socket.readAll(length);
      if (option === OPTION.EXPORT_NAME) return await this.exportName(data);
      if (option === OPTION.ABORT) {
        await this.reply(option, REPLY.ACK);
        return undefined;
      }
      const session = await this.answer(option, data);
      if (session) return session;
    }
  }

  private async answer(option: number, data: Buffer): Promise<Session | undefined> {
    if (option === OPTION.LIST) return await this.list(data);
    if (option === OPTION.INFO || option === OPTION.GO) return await this.info(option, data);
    if (option === OPTION.STRUCTURED_REPLY) {
      if (data.length > 0) return await this.refuse(option, REPLY.ERR_INVALID, 'this option has no data');
      this.hasStructuredReplies = true;
      return await this.reply(option, REPLY.ACK);
    }
    if (option === OPTION.LIST_META_CONTEXT || option === OPTION.SET_META_CONTEXT)
      return await this.metaContext(option, data);
    const reason =
      option === OPTION.STARTTLS ? 'TLS is not supported; use a UNIX socket or a tunnel' : 'unknown option';
    return await this.refuse(option, REPLY.ERR_UNSUP, reason);
  }

  private async list(data: Buffer): Promise<undefined> {
    if (data.length > 0) return await this.refuse(OPTION.LIST, REPLY.ERR_INVALID, 'this option has no data');
    for (const name of this.exports.names)
      await this.reply(OPTION.LIST, REPLY.SERVER, fields([32, Buffer.byteLength(name)], name));
    return await this.reply(OPTION.LIST, REPLY.ACK);
  }

  /** Answer INFO or GO: `name:string count:u16 count * info:u16`. */
  private async info(option: number, data: Buffer): Promise<Session | undefined> {
    const reader = new OptionReader(data);
    const name = reader.string();
    const count = reader.u16();
    const wanted = new Set<number>();
    for (let i = 0; i < count && reader.isValid; i++) wanted.add(reader.u16());
    if (name === undefined || !reader.isAtEnd)
      return await this.refuse(option, REPLY.ERR_INVALID, 'the lengths in this option do not match');
    const image = this.exports.find(name);
    if (!image) return await this.refuse(option, REPLY.ERR_UNKNOWN, this.exports.missing(name));
    const send = (type: number, content: Uint8Array) =>
      this.reply(option, REPLY.INFO, fields([16, type], content));
    await send(INFO.EXPORT, this.exportInfo(image));
    if (wanted.has(INFO.NAME)) await send(INFO.NAME, Buffer.from(image.name));
    const blocks = fields([32, 1], [32, PREFERRED_BLOCK_BYTES], [32, MAX_REQUEST_BYTES]);
    if (wanted.has(INFO.BLOCK_SIZE)) await send(INFO.BLOCK_SIZE, blocks);
    await this.reply(option, REPLY.ACK);
    return option === OPTION.GO ? this.session(image) : undefined;
  }

  /**
   * Answer LIST_META_CONTEXT or SET_META_CONTEXT: `name:string count:u32 count * query:string`. Without a
   * query, all contexts are listed, or none is set.
   */
  private async metaContext(option: number, data: Buffer): Promise<undefined> {
    if (option === OPTION.SET_META_CONTEXT) this.statusOf = undefined;
    const reader = new OptionReader(data);
    const name = reader.string();
    const count = reader.u32();
    const isList = option === OPTION.LIST_META_CONTEXT;
    let isWanted = isList && count === 0;
    for (let i = 0; i < count && reader.isValid; i++) {
      const query = reader.string();
      isWanted ||= query === BASE_ALLOCATION || (isList && query === 'base:');
    }
    if (name === undefined || !reader.isAtEnd || !this.hasStructuredReplies)
      return await this.refuse(
        option,
        REPLY.ERR_INVALID,
        this.hasStructuredReplies
          ? 'the lengths in this option do not match'
          : 'ask for structured replies before this option',
      );
    const image = this.exports.find(name);
    if (!image) return await this.refuse(option, REPLY.ERR_UNKNOWN, this.exports.missing(name));
    if (isWanted) {
      const id = isList ? 0 : BASE_ALLOCATION_ID;
      await this.reply(option, REPLY.META_CONTEXT, fields([32, id], BASE_ALLOCATION));
      if (!isList) this.statusOf = image;
    }
    return await this.reply(option, REPLY.ACK);
  }

  /** Answer EXPORT_NAME, of old clients. It has no error reply: an unknown name ends the connection. */
  private async exportName(data: Buffer): Promise<Session> {
    const name = data.toString();
    const image = data.length <= MAX_STRING_BYTES ? this.exports.find(name) : undefined;
    if (!image) throw badArgument(this.exports.missing(name));
    await this.socket.write(this.exportInfo(image), Buffer.alloc(this.withoutZeroes ? 0 : 124));
    return this.session(image);
  }

  private exportInfo(image: ServedImage): Buffer {
    const { HAS_FLAGS, READ_ONLY, SEND_DF, CAN_MULTI_CONN } = EXPORT_FLAG;
    const flags = HAS_FLAGS | READ_ONLY | CAN_MULTI_CONN | (this.hasStructuredReplies ? SEND_DF : 0);
    return fields([64, image.bytes], [16, flags]);
  }

  private session(image: ServedImage): Session {
    const { hasStructuredReplies } = this;
    return {
      image,
      hasStructuredReplies,
      hasBlockStatus: hasStructuredReplies && this.statusOf === image,
    };
  }

  private async reply(
    option: number,
    type: number,
    data: Uint8Array = new Uint8Array(0),
  ): Promise<undefined> {
    const magic = Buffer.alloc(8);
    magic.writeBigUInt64BE(OPTION_REPLY_MAGIC);
    await this.socket.write(fields(magic, [32, option], [32, type], [32, data.length]), data);
  }

  private refuse(option: number, type: number, reason: string): Promise<undefined> {
    return this.reply(option, type, Buffer.from(reason));
  }
}
