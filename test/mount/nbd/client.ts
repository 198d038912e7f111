// A client of the test's own, which also sends what no real client does.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Address } from '../../../src/channel/transports/address.js';
import { Signal } from '../../../src/page/sync.js';

export const OPT = {
  NAME: 1,
  ABORT: 2,
  LIST: 3,
  TLS: 5,
  INFO: 6,
  GO: 7,
  STRUCTURED: 8,
  LIST_META: 9,
  SET_META: 10,
};
export const CMD = { READ: 0, WRITE: 1, DISC: 2, FLUSH: 3, TRIM: 4, ZEROES: 6, STATUS: 7 };
const ACK = 1;

export interface OptionReply {
  readonly type: number;
  readonly data: Buffer;
}

export interface Chunk {
  readonly type: number;
  readonly isDone: boolean;
  readonly data: Buffer;
}

/** A string with its length before it. */
export function text(value: string): Buffer {
  return Buffer.concat([u32(Buffer.byteLength(value)), Buffer.from(value)]);
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

/** The data of OPT_INFO and OPT_GO. */
export function infoRequest(name: string, ...infos: number[]): Buffer {
  return Buffer.concat([text(name), u16(infos.length), ...infos.map(u16)]);
}

/** The data of the options about metadata contexts. */
export function metaRequest(name: string, ...queries: string[]): Buffer {
  return Buffer.concat([text(name), u32(queries.length), ...queries.map(text)]);
}

export class Client {
  private cookie = 0;
  private readonly changed = new Signal();
  /** Size and flags of the export that was opened. */
  bytes = 0;
  flags = 0;

  private constructor(readonly socket: Socket) {
    for (const event of ['readable', 'end', 'close']) socket.on(event, () => this.changed.notify());
  }

  /** Connects and exchanges the flags of the handshake. */
  static async connect(address: Address): Promise<Client> {
    const client = await Client.silent(address);
    const hello = await client.take(18);
    if (hello.subarray(0, 16).toString('latin1') !== 'NBDMAGICIHAVEOPT') throw new Error('no server of NBD');
    client.socket.write(u32(3));
    return client;
  }

  /** Connects and sends nothing. */
  static async silent(address: Address): Promise<Client> {
    const socket = connect(address);
    await once(socket, 'connect');
    socket.on('error', () => {});
    return new Client(socket);
  }

  /** Opens an export for reads with structured replies and block status. */
  static async open(address: Address, name: string): Promise<Client> {
    const client = await Client.connect(address);
    await client.option(OPT.STRUCTURED);
    await client.option(OPT.SET_META, metaRequest(name, 'base:allocation'));
    await client.go(name);
    return client;
  }

  async go(name: string): Promise<void> {
    const info = (await this.option(OPT.GO, infoRequest(name))).find(({ type }) => type === 3);
    if (info?.data.readUInt16BE() !== 0) throw new Error(`no export ${name}`);
    this.bytes = Number(info.data.readBigUInt64BE(2));
    this.flags = info.data.readUInt16BE(10);
  }

  /** Sends an option and returns the replies to it, up to the last. */
  async option(option: number, data: Uint8Array = new Uint8Array(0)): Promise<OptionReply[]> {
    this.socket.write(Buffer.concat([Buffer.from('IHAVEOPT'), u32(option), u32(data.length), data]));
    const replies: OptionReply[] = [];
    for (;;) {
      const head = await this.take(20);
      if (head.readBigUInt64BE() !== 0x3e889045565a9n || head.readUInt32BE(8) !== option)
        throw new Error(`a wrong reply: ${head.toString('hex')}`);
      const type = head.readUInt32BE(12);
      replies.push({ type, data: await this.take(head.readUInt32BE(16)) });
      if (type === ACK || type >= 0x80000000) return replies;
    }
  }

  /** Sends a request and returns its cookie. */
  request(type: number, offset: number, length: number, flags = 0): number {
    const cookie = ++this.cookie;
    this.socket.write(
      Buffer.concat([u32(0x25609513), u16(flags), u16(type), u64(cookie), u64(offset), u32(length)]),
    );
    return cookie;
  }

  /** All chunks of the reply to the only request in flight. */
  async chunks(): Promise<Chunk[]> {
    const chunks: Chunk[] = [];
    for (;;) {
      const head = await this.take(20);
      if (head.readUInt32BE() !== 0x668e33ef || head.readBigUInt64BE(8) !== BigInt(this.cookie))
        throw new Error(`not a chunk of this reply: ${head.toString('hex')}`);
      const isDone = head.readUInt16BE(4) === 1;
      chunks.push({ type: head.readUInt16BE(6), isDone, data: await this.take(head.readUInt32BE(16)) });
      if (isDone) return chunks;
    }
  }

  /** Reads with structured replies. */
  async read(offset: number, length: number, flags = 0): Promise<Buffer> {
    this.request(CMD.READ, offset, length, flags);
    const out = Buffer.alloc(length, 0xee);
    for (const { type, data } of await this.chunks()) {
      if (type > 2) throw new Error(`error ${data.readUInt32BE()}: ${data.subarray(6).toString()}`);
      const at = Number(data.readBigUInt64BE()) - offset;
      if (type === 1) data.copy(out, at, 8);
      else out.fill(0, at, at + data.readUInt32BE(8));
    }
    return out;
  }

  /** The number of the error that a request gets. */
  async error(type: number, offset: number, length: number, flags = 0): Promise<number> {
    this.request(type, offset, length, flags);
    const last = (await this.chunks()).at(-1)!;
    return last.type >= 0x8000 ? last.data.readUInt32BE() : 0;
  }

  /** Extents as [bytes, state]. */
  async status(offset: number, length: number, flags = 0): Promise<[number, number][]> {
    this.request(CMD.STATUS, offset, length, flags);
    const [{ data }] = (await this.chunks()) as [Chunk];
    const extents: [number, number][] = [];
    for (let at = 4; at < data.length; at += 8)
      extents.push([data.readUInt32BE(at), data.readUInt32BE(at + 4)]);
    return extents;
  }

  /** Takes that many bytes from the server. */
  async take(count: number): Promise<Buffer> {
    for (;;) {
      const bytes = count === 0 ? Buffer.alloc(0) : this.socket.read(count);
      if (bytes?.length === count) return bytes;
      if (bytes || this.socket.readableEnded || this.socket.destroyed)
        throw new Error('the server has closed');
      await this.changed.wait();
    }
  }

  /** Resolves when the server has closed the connection. */
  async closed(): Promise<void> {
    this.socket.removeAllListeners('readable').resume();
    if (!this.socket.closed) await once(this.socket, 'close');
  }

  close(): void {
    this.socket.destroy();
  }
}
