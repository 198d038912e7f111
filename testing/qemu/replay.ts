// Reads a stream with every event of the reader, writes it again, and records the events, so that two
// readings can be compared.
import fs from 'node:fs';
import { crc32, gunzipSync } from 'node:zlib';
import type { QemuBlock } from '../../src/qemu/format.js';
import { QemuStreamReader } from '../../src/qemu/stream-reader.js';
import { QemuStreamWriter, type QemuWriterOptions } from '../../src/qemu/stream-writer.js';
import type { CaptureFacts } from './capture.js';

const FOLDER = new URL('../../test/fixtures/qemu/', import.meta.url);

/** Read a stream that capture.ts recorded. */
export function fixture(name: string): Buffer {
  return gunzipSync(fs.readFileSync(new URL(`${name}.gz`, FOLDER)));
}

export const FACTS: Readonly<Record<string, CaptureFacts>> = JSON.parse(
  fs.readFileSync(new URL('facts.json', FOLDER), 'utf8'),
);

export interface Replay {
  /** The stream as the writer reproduced it. */
  readonly out: Buffer;
  /** Every event except literals, in order, each with a checksum of its bytes. */
  readonly events: string[];
  /** Count of literal bytes. */
  readonly literalBytes: number;
  readonly counts: { page: number; fill: number; xbzrle: number };
  readonly blocks: readonly QemuBlock[];
  /** Offset in the stream of each record's content. */
  readonly offsets: number[];
  readonly end: string | undefined;
  readonly state: string;
}

/** Read the stream in `pieces` and write it again. */
export function replay(pieces: Iterable<Uint8Array>, options: QemuWriterOptions = {}): Replay {
  const written: Uint8Array[] = [];
  const writer = new QemuStreamWriter((bytes) => written.push(bytes), options);
  const events: string[] = [];
  const offsets: number[] = [];
  const counts = { page: 0, fill: 0, xbzrle: 0 };
  let literalBytes = 0;
  let blocks: readonly QemuBlock[] = [];
  const record = (...values: unknown[]) => events.push(`${literalBytes}: ${values.join(' ')}`);
  const reader: QemuStreamReader = new QemuStreamReader({
    onLiteral(bytes, from, to) {
      literalBytes += to - from;
      writer.writeLiteral(bytes, from, to);
    },
    onPage(block, page, bytes, at) {
      counts.page++;
      offsets.push(reader.offsetOf(at));
      record('page', block, page, crc32(bytes.subarray(at, at + 4096)));
      writer.writePage(block, page, bytes, at);
    },
    onFill(block, page, value) {
      counts.fill++;
      record('fill', block, page, value);
      writer.writeFill(block, page, value);
    },
    onXbzrle(block, page, bytes, at, length) {
      counts.xbzrle++;
      offsets.push(reader.offsetOf(at));
      record('xbzrle', block, page, length, crc32(bytes.subarray(at, at + length)));
      writer.writeXbzrle(block, page, bytes, at, length);
    },
    onMachine: (name) => record('machine', name),
    onBlocks(all) {
      blocks = all;
      writer.setBlocks(all);
      record('blocks', JSON.stringify(all));
    },
    onCommand: (command, payload) => record('command', command, Buffer.from(payload).toString('hex')),
    onDiscard: (block, ranges) => record('discard', block, JSON.stringify(ranges)),
    onFlush: (after) => record('flush', after),
    onPostcopy() {
      writer.startPostcopy();
      record('postcopy');
    },
    onDeviceState: () => record('device state'),
    onOpaque: (reason, at, block) => record('opaque', at, block, reason),
  });
  for (const piece of pieces) reader.push(piece);
  const end = reader.finish();
  writer.flush();
  return {
    out: Buffer.concat(written),
    events,
    literalBytes,
    counts,
    blocks,
    offsets,
    end,
    state: reader.state,
  };
}

/**
 * Split the stream into pieces of `bytes` bytes, each in a buffer of its own, so that reads past its end
 * fail.
 */
export function* cut(stream: Uint8Array, bytes: number): Generator<Uint8Array> {
  for (let at = 0; at < stream.length; at += bytes) yield stream.slice(at, at + bytes);
}
