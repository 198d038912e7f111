// Candidates of the highest levels: for every position of a block the nearest match of each length. Positions
// with the same hash of four bytes are a binary tree in the order of the bytes that follow, with the latest
// position at its root: a search descends to where its own bytes belong, and inserts the position above.
import { DISTANT_BYTES, distantSlot } from "./distant";
import { longMatchEnd, matchEnd, multiplierFor, slotOf } from "./match";
import { MIN_MATCH_BYTES, SUFFICIENT_BYTES } from "./optimal-chunk";

/** Farther matches of three bytes take more bits than they save. */
const MAX_SHORT_OFFSET: u32 = 1 << 18;
/** Step of the positions inside a long match that are inserted, until its end is near. */
const INSIDE_STEP: u32 = 8;
/** Mean matches a position that a list has space for; once it is full, positions have the longest alone. */
const MEAN_MATCHES: u32 = 4;
/** A position's matches are not counted while they are listed: one an attempt, and those of both tables. */
const LIST_SLACK: u32 = 1024;

/** Return the bytes of the lists of a block: where each position's matches begin, and the matches. */
export function listsBytes(block: u32): u32 {
  return (block << 2) + 64 + ((block * (MEAN_MATCHES + 1)) << 3) + LIST_SLACK;
}

/**
 * List the matches of `from` … `end`: at `lists` (u32 each) the address of the first match of each position,
 * which ends where the next position's begin. A match is a u64: its offset, and its bytes in the upper half.
 * `roots` and `shorts` have the latest position of each hash of four and of three bytes, the table of distant
 * matches ends at `distantEnd`. `attempts` positions of the tree are compared.
 */
export function listMatches(
  base: usize,
  low: usize,
  from: usize,
  end: usize,
  roots: usize,
  rootBits: u32,
  shorts: usize,
  shortBits: u32,
  tree: usize,
  treeBits: u32,
  multiplier: u64,
  attempts: u32,
  distantEnd: usize,
  distantBits: u32,
  lists: usize,
  block: u32,
): void {
  const matches = lists + (block << 2) + 64;
  const full = matches + ((block * MEAN_MATCHES) << 3);
  const shift: u64 = 64 - rootBits;
  const shortShift: u64 = 64 - shortBits;
  const mask: u32 = (1 << treeBits) - 1;
  const lowest = <u32>(low - base);
  let list = matches;
  // The end of the latest long match, and its offset.
  let stop = from;
  let stopOffset: u32 = 0;
  for (let at = from; at < end; at++) {
    store<u32>(lists, list);
    lists += 4;
    const first = list;
    let best: u32 = MIN_MATCH_BYTES - 1;
    if (stop > at + best) {
      best = <u32>(stop - at);
      list = put(list, best, stopOffset);
    }
    const position = <u32>(at - base);
    if (at + 9 > end || (best > SUFFICIENT_BYTES && (position & (INSIDE_STEP - 1)) !== 0)) continue;
    const word = load<u64>(at);
    const short = slotOf<u32>(word, shorts, multiplierFor(MIN_MATCH_BYTES), shortShift);
    const near = load<u32>(short);
    store<u32>(short, position);
    if (near >= lowest && position - near < MAX_SHORT_OFFSET) list = compare(at, base, near, end, best, list);
    if (list > first) best = load<u32>(list - 4);
    const root = slotOf<u32>(word, roots, multiplier, shift);
    const reached = position > mask ? position - mask : 1;
    list = descend(at, base, max(lowest, reached), end, load<u32>(root), tree, mask, attempts, best, list);
    store<u32>(root, position);
    if (list > first) best = load<u32>(list - 4);
    if (distantBits !== 0 && best < SUFFICIENT_BYTES && at + DISTANT_BYTES <= end) {
      const candidate = load<u32>(distantSlot(at, distantEnd, distantBits));
      if (candidate >= lowest && candidate < position) list = compare(at, base, candidate, end, best, list);
    }
    if (list === first) continue;
    const longest = load<u64>(list - 8);
    if (list > full) {
      store<u64>(first, longest);
      list = first + 8;
    }
    best = <u32>(longest >> 32);
    if (best < SUFFICIENT_BYTES) continue;
    stop = at + best;
    stopOffset = <u32>longest;
  }
  store<u32>(lists, list);
}

/** List the match with a candidate if it has more than `best` bytes; return the list's end. */
function compare(at: usize, base: usize, candidate: u32, end: usize, best: u32, list: usize): usize {
  const bytes = <u32>(matchEnd(at, base + candidate, end) - at);
  return bytes > best ? put(list, bytes, <u32>(at - base) - candidate) : list;
}

function put(list: usize, bytes: u32, offset: u32): usize {
  store<u64>(list, ((<u64>bytes) << 32) | <u64>offset);
  return list + 8;
}

/** Insert a position above `root`, and list its matches of more than `best` bytes; return the list's end. */
function descend(
  at: usize,
  base: usize,
  lowest: u32,
  end: usize,
  root: u32,
  tree: usize,
  mask: u32,
  attempts: u32,
  best: u32,
  list: usize,
): usize {
  const position = <u32>(at - base);
  // Where the next position with smaller bytes, and the next one with larger bytes, belong.
  let smaller = tree + ((position & mask) << 3);
  let larger = smaller + 4;
  let smallerBytes: u32 = 0;
  let largerBytes: u32 = 0;
  let candidate = root;
  while (candidate >= lowest && candidate < position) {
    const children = tree + ((candidate & mask) << 3);
    // What both sides have in common with this position, all between them have.
    const known = min(smallerBytes, largerBytes);
    const m = base + candidate;
    const bytes = <u32>(longMatchEnd(at + known, m + known, end) - at);
    if (bytes > best) {
      best = bytes;
      list = put(list, bytes, position - candidate);
    }
    // Which of both is larger is not known at the block's end.
    if (at + bytes >= end) break;
    if (load<u8>(m + bytes) < load<u8>(at + bytes)) {
      store<u32>(smaller, candidate);
      smallerBytes = bytes;
      smaller = children + 4;
      candidate = load<u32>(smaller);
    } else {
      store<u32>(larger, candidate);
      largerBytes = bytes;
      larger = children;
      candidate = load<u32>(larger);
    }
    if (--attempts === 0) break;
  }
  store<u32>(smaller, 0);
  store<u32>(larger, 0);
  return list;
}
