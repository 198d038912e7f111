// What a stream makes of a guest's memory, place by place: two streams that differ only in records that
// change nothing are the same.
import { crc32 } from 'node:zlib';
import { expect } from 'vitest';
import { QemuStreamReader } from '../../src/qemu/stream-reader.js';
import { applyXbzrle } from '../../src/qemu/xbzrle.js';

const PAGE = 4096;

interface MemoryTrace {
  /**
   * Every event but records, with how many literal bytes came before it, a checksum of those since the event
   * before, and of all memory.
   */
  readonly places: string[];
  readonly literals: Buffer;
  readonly memory: Buffer[];
  readonly records: number;
}

/** @throws Error when an xbzrle record does not apply */
function memoryTrace(stream: Uint8Array): MemoryTrace {
  const places: string[] = [];
  const literals: Buffer[] = [];
  let memory: Buffer[] = [];
  let [literalBytes, records, since] = [0, 0, 0];
  const place = (...what: unknown[]) => {
    places.push(`${literalBytes} ${since} ${memory.map((block) => crc32(block))}: ${what.join(' ')}`);
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
      place('blocks', JSON.stringify(blocks));
    },
    onCommand: (command, payload) => place('command', command, crc32(payload)),
    onFlush: (after) => place('flush', after),
    onPostcopy: () => place('postcopy'),
    onDeviceState: () => place('device state'),
    onOpaque: (reason, _, block) => place('opaque', block, reason),
  });
  reader.push(stream);
  place('end', reader.finish(), reader.state);
  return { places, literals: Buffer.concat(literals), memory, records };
}

/**
 * Both have the same literals in the same places and make the same memory on the way; they are the same where
 * no record was dropped.
 */
export function expectSameMemory(arrived: Buffer, stream: Buffer): void {
  const [got, sent] = [memoryTrace(arrived), memoryTrace(stream)];
  expect(got.places).toEqual(sent.places);
  expect(got.literals.equals(sent.literals)).toBe(true);
  if (got.records === sent.records) expect(arrived.equals(stream)).toBe(true);
  else expect(got.records).toBeLessThan(sent.records);
}
