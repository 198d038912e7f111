// Compares two streams by their effect on guest memory: streams that differ only in redundant records are
// equal.
import { crc32 } from 'node:zlib';
import { expect } from 'vitest';
import { QemuStreamReader } from '../../src/qemu/stream-reader.js';
import { applyXbzrle } from '../../src/qemu/xbzrle.js';

const PAGE = 4096;

interface MemoryTrace {
  /**
   * Every event except records, with the count of literal bytes before it, a checksum of the literal bytes
   * since the previous event, and a checksum of each memory block.
   */
  readonly events: string[];
  readonly literals: Buffer;
  readonly memory: Buffer[];
  readonly records: number;
}

/** @throws Error when an xbzrle record does not apply */
function memoryTrace(stream: Uint8Array): MemoryTrace {
  const events: string[] = [];
  const literals: Buffer[] = [];
  let memory: Buffer[] = [];
  let [literalBytes, records, since] = [0, 0, 0];
  const record = (...values: unknown[]) => {
    events.push(`${literalBytes} ${since} ${memory.map((block) => crc32(block))}: ${values.join(' ')}`);
    since = 0;
  };
  const pageOf = (block: number, page: number) => {
    records++;
    return memory[block]!.subarray(page * PAGE, (page + 1) * PAGE);
  };
  const reader = new QemuStreamReader({
    onLiteral(bytes, from, to) {
      literalBytes += to - from;
      since = crc32(bytes.subarray(from, to), since);
      literals.push(Buffer.from(bytes.subarray(from, to)));
    },
    onPage: (block, page, bytes, at) => pageOf(block, page).set(bytes.subarray(at, at + PAGE)),
    onFill: (block, page, value) => pageOf(block, page).fill(value),
    onXbzrle(block, page, bytes, at, length) {
      if (!applyXbzrle(bytes, at, length, pageOf(block, page)))
        throw new Error(`xbzrle of block ${block} page ${page}`);
    },
    onBlocks(blocks) {
      memory = blocks.map(({ bytes }) => Buffer.alloc(bytes, 0xee));
      record('blocks', JSON.stringify(blocks));
    },
    onCommand: (command, payload) => record('command', command, crc32(payload)),
    onFlush: (after) => record('flush', after),
    onPostcopy: () => record('postcopy'),
    onDeviceState: () => record('device state'),
    onOpaque: (reason, _, block) => record('opaque', block, reason),
  });
  reader.push(stream);
  record('end', reader.finish(), reader.state);
  return { events, literals: Buffer.concat(literals), memory, records };
}

/**
 * Expect both streams to carry the same literals at the same positions and to produce the same memory at
 * every event. They are equal byte for byte if no record was dropped.
 */
export function expectSameMemory(arrived: Buffer, stream: Buffer): void {
  const [got, sent] = [memoryTrace(arrived), memoryTrace(stream)];
  expect(got.events).toEqual(sent.events);
  expect(got.literals.equals(sent.literals)).toBe(true);
  if (got.records === sent.records) expect(arrived.equals(stream)).toBe(true);
  else expect(got.records).toBeLessThan(sent.records);
}
