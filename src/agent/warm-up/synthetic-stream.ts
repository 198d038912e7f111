import { flag, RAM_NAME, sectionType, TARGET_PAGE_BYTES } from '../../qemu/format.js';
import { QemuStreamWriter } from '../../qemu/stream-writer.js';

const RAM_ID = 2;
const BLOCK = 'pc.ram';

/**
 * Return QEMU's migration stream of a synthetic guest: rounds over `pages` pages, of which some are zero,
 * duplicates or similar to others, and some change between rounds; then the start of device state.
 */
export function syntheticStream(pages: number, rounds: number): Uint8Array {
  const pieces: Uint8Array[] = [];
  const writer = new QemuStreamWriter((piece) => pieces.push(piece));
  const put = (bytes: Uint8Array) => writer.writeLiteral(bytes, 0, bytes.length);
  put(
    Buffer.concat([
      Buffer.from('QEVM'),
      be32(3),
      Buffer.of(sectionType.configuration),
      named('pc-i440fx-7.2', be32),
    ]),
  );
  const bytes = BigInt(pages * TARGET_PAGE_BYTES);
  const table = [be64(bytes + BigInt(flag.memSize)), named(BLOCK), be64(bytes), END];
  put(
    Buffer.concat([Buffer.of(sectionType.start), be32(RAM_ID), named(RAM_NAME), be32(0), be32(4), ...table]),
  );
  writer.setBlocks([{ name: BLOCK, bytes: pages * TARGET_PAGE_BYTES }]);
  const page = new Uint8Array(TARGET_PAGE_BYTES);
  const words = new Uint32Array(page.buffer);
  for (let round = 0; round < rounds; round++) {
    put(Buffer.concat([Buffer.of(round < rounds - 1 ? sectionType.part : sectionType.end), be32(RAM_ID)]));
    for (let number = 0; number < pages; number++) {
      if (number % 8 === 0) {
        writer.writeFill(0, number, 0);
        continue;
      }
      for (let i = 0; i < words.length; i++)
        words[i] = i % 5 === 0 ? Math.imul(i + (number % 64), 0x9e3779b1) : i % 64;
      words[number % 1024] = number % 3 === 0 ? round : number;
      writer.writePage(0, number, page, 0);
    }
    put(END);
  }
  put(Buffer.concat([Buffer.of(sectionType.full), be32(0), named('timer'), be32(0), be32(2)]));
  writer.flush();
  return Buffer.concat(pieces);
}

function be32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function be64(value: bigint): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

/** A name with its length before it. */
function named(
  name: string,
  length: (value: number) => Uint8Array = (value) => Uint8Array.of(value),
): Uint8Array {
  return Buffer.concat([length(name.length), Buffer.from(name)]);
}

/** The end of a section's records, and the section's footer. */
const END = Buffer.concat([
  Buffer.alloc(7),
  Buffer.of(flag.end),
  Buffer.of(sectionType.footer),
  be32(RAM_ID),
]);
