// Body of a PACKETS frame: to which connections the next pages of the guest's page stream belong, in order.
// All integers are little-endian.
//
//   { connection u8 | normal u16 | zero u16 | fields, for every connection but the main one }
//
//   fields: flags u32 | allocated u32 | data bytes u32 | number u64 | block u16 (0xffff: none)
//
// A run of the main connection are records; every other one is a packet of multifd, whose first `normal`
// pages are carried and whose `zero` pages are named only.

import { PageferryError } from '../../page/error.js';
import { MAX_PACKET_PAGES, NO_BLOCK, type PacketFields } from '../../qemu/multifd.js';
import { WireReader, WireWriter } from '../../stream/wire.js';
import { MAIN } from '../connection.js';

const WIRE_NO_BLOCK = 0xffff;

/** Pages that follow one another in the page stream. */
export interface PacketRun {
  readonly connection: number;
  /** Pages whose content is sent. */
  readonly normal: number;
  /** Zero pages of a packet, after the normal ones. */
  readonly zero: number;
  /** Undefined for the main connection. */
  readonly fields: PacketFields | undefined;
}

/** Return the body of PACKETS. */
export function runsBytes(runs: readonly PacketRun[]): Uint8Array {
  const to = new WireWriter();
  for (const { connection, normal, zero, fields } of runs) {
    to.u8(connection);
    to.u16(normal);
    to.u16(zero);
    if (!fields) continue;
    to.u32(fields.flags);
    to.u32(fields.allocated);
    to.u32(fields.dataBytes);
    to.u64(fields.number);
    to.u16(fields.block === NO_BLOCK ? WIRE_NO_BLOCK : fields.block);
  }
  return to.bytes;
}

/** Read the body of PACKETS. `blocks`: number of the guest's blocks. @throws PageferryError `bad-stream` */
export function readRuns(body: Uint8Array, blocks: number): PacketRun[] {
  const from = new WireReader(body, 'packets');
  const runs: PacketRun[] = [];
  while (from.left > 0) {
    const [connection, normal, zero] = [from.u8(), from.u16(), from.u16()];
    if (connection === MAIN) {
      runs.push({ connection, normal, zero, fields: undefined });
      continue;
    }
    const fields = {
      ...{ flags: from.u32(), allocated: from.u32(), dataBytes: from.u32(), number: from.u64() },
      block: from.u16(),
    };
    const block = fields.block === WIRE_NO_BLOCK ? NO_BLOCK : fields.block;
    if (normal + zero > MAX_PACKET_PAGES) throw bad(`a packet of ${normal + zero} pages`);
    if (block >= blocks || (block === NO_BLOCK && normal + zero > 0))
      throw bad(`a packet of block ${block}, the guest has ${blocks}`);
    runs.push({ connection, normal, zero, fields: { ...fields, block } });
  }
  return runs;
}

function bad(found: string): PageferryError {
  return new PageferryError('bad-stream', `packets: ${found}`);
}
