// Commands of a migration stream: their lengths, and the effects of those that concern RAM.
import {
  COMMANDS,
  latin1,
  type QemuBlock,
  type QemuCommand,
  type QemuRange,
  TARGET_PAGE_BYTES,
  u16,
  u32,
  u64,
} from './format.js';
import type { ParseResult } from './sections.js';

export const COMMAND_HEAD_BYTES = 5;

/** Payload lengths of the commands with a fixed set of lengths. */
const PAYLOAD_BYTES: Readonly<Record<string, readonly number[]>> = {
  OPEN_RETURN_PATH: [0],
  PING: [4],
  POSTCOPY_ADVISE: [0, 16],
  POSTCOPY_LISTEN: [0],
  POSTCOPY_RUN: [0],
  PACKAGED: [4],
  POSTCOPY_RESUME: [0],
  SWITCHOVER_START: [0],
};

/** Parse a whole command: its number is the u16 at byte 1, its payload begins at byte 5. */
export function parseCommand(bytes: Uint8Array, at: number, end: number): ParseResult {
  if (end - at < COMMAND_HEAD_BYTES) return { needed: COMMAND_HEAD_BYTES };
  const number = u16(bytes, at + 1);
  const length = u16(bytes, at + 3);
  const command = COMMANDS[number];
  if (command === undefined || command === 'INVALID') return { reason: `command ${number}` };
  if (command === 'ENABLE_COLO') return { reason: 'COLO (command ENABLE_COLO)' };
  if (PAYLOAD_BYTES[command]?.includes(length) === false)
    return { reason: `command ${command} of ${length} bytes` };
  return end - at < COMMAND_HEAD_BYTES + length
    ? { needed: COMMAND_HEAD_BYTES + length }
    : { consumed: COMMAND_HEAD_BYTES + length };
}

/** Consequences of a command for the rest of the stream. */
export interface CommandEffect {
  /** POSTCOPY_ADVISE: the page sizes of all blocks, or'ed; 0 if every block has the target's page size. */
  readonly pageSizes?: number;
  /** POSTCOPY_RAM_DISCARD: the ranges of a block that the destination discards. */
  readonly discard?: { readonly block: number; readonly ranges: readonly QemuRange[] };
  /** PACKAGED: bytes of the package that follows. */
  readonly packageBytes?: number;
  /** The command switches to postcopy. */
  readonly startsPostcopy?: boolean;
}

/** Interpret a command. `blocks`: the table of RAM blocks, if it was read. */
export function interpretCommand(
  command: QemuCommand,
  payload: Uint8Array,
  blocks: readonly QemuBlock[] | undefined,
): CommandEffect | { readonly reason: string } {
  if (command === 'POSTCOPY_ADVISE') return advisedSizes(payload);
  if (command === 'POSTCOPY_RAM_DISCARD') return discardedRanges(payload, blocks ?? []);
  if (command !== 'PACKAGED' && command !== 'POSTCOPY_LISTEN') return {};
  if (!blocks) return { reason: `command ${command} before RAM` };
  return { startsPostcopy: true, ...(command === 'PACKAGED' && { packageBytes: u32(payload, 0) }) };
}

/** POSTCOPY_ADVISE = [ page sizes:u64  target page bytes:u64 ] */
function advisedSizes(payload: Uint8Array): CommandEffect | { readonly reason: string } {
  if (payload.length === 0) return { pageSizes: 0 };
  const targetPageBytes = u64(payload, 8);
  if (targetPageBytes !== TARGET_PAGE_BYTES)
    return { reason: `postcopy with target pages of ${targetPageBytes} bytes, not ${TARGET_PAGE_BYTES}` };
  const sizes = u64(payload, 0);
  return { pageSizes: sizes === TARGET_PAGE_BYTES ? 0 : sizes };
}

/** POSTCOPY_RAM_DISCARD = version=0:u8 string 0:u8 { start:u64 bytes:u64 } */
function discardedRanges(
  payload: Uint8Array,
  blocks: readonly QemuBlock[],
): CommandEffect | { readonly reason: string } {
  const command = 'command POSTCOPY_RAM_DISCARD';
  const nameEnd = 2 + (payload[1] ?? 0);
  const rangeBytes = payload.length - nameEnd - 1;
  if (rangeBytes < 0 || rangeBytes % 16 !== 0 || payload[0] !== 0 || payload[nameEnd] !== 0)
    return { reason: `${command} of ${payload.length} bytes, not of version 0` };
  const name = latin1(payload, 2, nameEnd);
  const block = blocks.findIndex((known) => known.name === name);
  if (block < 0) return { reason: `${command} of block "${name}", which is not in the table of blocks` };
  const blockBytes = blocks[block]!.bytes;
  const ranges: QemuRange[] = [];
  for (let at = nameEnd + 1; at < payload.length; at += 16) {
    const [start, bytes] = [u64(payload, at), u64(payload, at + 8)];
    if (start > blockBytes || bytes > blockBytes - start)
      return { reason: `${command} of ${bytes} bytes at ${start} in a block of ${blockBytes}` };
    ranges.push({ start, bytes });
  }
  return { discard: { block, ranges } };
}
