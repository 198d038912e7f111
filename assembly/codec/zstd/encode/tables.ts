// The choice of a table for each of the three codes: predefined, one symbol, new, or the block before's.
import { accuracyFor, buildTable, normalise, normsAt, writeNorms } from "./fse";
import {
  FSE_LAST,
  FSE_LOG,
  FSE_NONE,
  FSE_STATES,
  FSE_TRANSFORMS,
  LITERAL_COUNTS,
  LITERAL_TABLE,
  MATCH_COUNTS,
  MATCH_TABLE,
  OFFSET_COUNTS,
  OFFSET_TABLE,
  STATE_GAIN_SHIFT,
  THOROUGH_GAIN_SHIFT,
} from "./layout";
import { putPredefinedNorms } from "./predefined";

const PREDEFINED: u32 = 0;
const RLE: u32 = 1;
const NEW: u32 = 2;
const REPEAT: u32 = 3;
/** Costs are in 1/256 bits. */
const NEVER: u32 = 0xffffffff;
/** A new table's description takes more than this. */
const MIN_DESCRIPTION: u32 = 24 * 256;

/** Write modes and descriptions of the three tables of `count` sequences and build them; return the end. */
export function chooseTables(scratch: usize, count: u32, out: usize): usize {
  const modesAt = out++;
  // The last sequence's codes cost nothing where its state begins, but every table must have them.
  const literalEnd = chooseTable(scratch, LITERAL_COUNTS, LITERAL_TABLE, 35, 6, 35, 9, count, out);
  const literalMode = load<u32>(scratch + LITERAL_TABLE, MODE);
  const offsetEnd = chooseTable(scratch, OFFSET_COUNTS, OFFSET_TABLE, 31, 5, 28, 8, count, literalEnd);
  const offsetMode = load<u32>(scratch + OFFSET_TABLE, MODE);
  const matchEnd = chooseTable(scratch, MATCH_COUNTS, MATCH_TABLE, 52, 6, 52, 9, count, offsetEnd);
  const matchMode = load<u32>(scratch + MATCH_TABLE, MODE);
  store<u8>(modesAt, (literalMode << 6) | (offsetMode << 4) | (matchMode << 2));
  return matchEnd;
}

/** Where a table's header has the mode chosen last. */
const MODE: usize = 8;

/**
 * Choose one table by its cost, the description included; write the description and build the table. Return
 * the end of the description.
 */
function chooseTable(
  scratch: usize,
  countsAt: usize,
  tableAt: usize,
  largestCode: u32,
  predefinedLog: u32,
  predefinedLast: u32,
  maxLog: u32,
  count: u32,
  out: usize,
): usize {
  const counts = scratch + countsAt;
  const table = scratch + tableAt;
  let last = largestCode;
  while (load<u32>(counts + (last << 2)) === 0) last--;
  if (load<u32>(counts + (last << 2)) === count && (count > 2 || last > predefinedLast))
    return putRepeatedCode(table, last, out);
  const norms = normsAt(scratch);
  const predefinedNorms = norms + 128;
  putPredefinedNorms(tableAt, predefinedNorms);
  const predefinedCost =
    last <= predefinedLast ? costWithNorms(counts, last, predefinedNorms, predefinedLog) : NEVER;
  const earlierLog = load<u32>(table + FSE_LOG);
  const repeatCost = earlierLog !== FSE_NONE ? costWithTable(counts, last, table, earlierLog) : NEVER;
  const known = min(predefinedCost, repeatCost);
  if (entropy(counts, last, count) + MIN_DESCRIPTION < known) {
    let log = accuracyFor(count, last, maxLog);
    let each = log;
    let isChosen = load<u32>(scratch + STATE_GAIN_SHIFT) !== THOROUGH_GAIN_SHIFT;
    if (!isChosen) each = max<u32>(5, min<u32>(32 - <u32>clz(count), 33 - <u32>clz(last | 1)));
    let least = NEVER;
    let end: usize;
    // Every accuracy, then the one of the fewest bits again.
    for (; ; each++) {
      if (each > maxLog) {
        each = log;
        isChosen = true;
      }
      normalise(counts, last, count, each, norms);
      end = writeNorms(norms, last, each, out);
      const cost = ((<u32>(end - out)) << 11) + costWithNorms(counts, last, norms, each);
      if (isChosen) {
        least = cost;
        break;
      }
      if (cost >= least) continue;
      least = cost;
      log = each;
    }
    if (least < known) {
      buildTable(scratch, norms, last, log, table);
      store<u32>(table, NEW, MODE);
      return end;
    }
  }
  if (repeatCost < predefinedCost) {
    store<u32>(table, REPEAT, MODE);
    return out;
  }
  buildTable(scratch, predefinedNorms, predefinedLast, predefinedLog, table);
  store<u32>(table, PREDEFINED, MODE);
  return out;
}

/** Make a table of one code, which takes no bits. */
function putRepeatedCode(table: usize, code: u32, out: usize): usize {
  store<u64>(table + FSE_TRANSFORMS + (code << 3), (<u64>(table + FSE_STATES)) << 32);
  store<u16>(table + FSE_STATES, 0);
  store<u32>(table + FSE_LOG, 0);
  store<u32>(table + FSE_LAST, code);
  store<u32>(table, RLE, MODE);
  store<u8>(out, code);
  return out + 1;
}

/** Return 256 times the binary logarithm, to about 0.01: a parabola between powers of two. */
export function log2(value: u32): u32 {
  const high = 31 - <u32>clz(value);
  const fraction = ((value << (31 - high)) >>> 23) & 0xff;
  return (high << 8) + fraction + ((fraction * (256 - fraction) * 88) >>> 16);
}

function entropy(counts: usize, last: u32, total: u32): u32 {
  const whole = log2(total);
  let cost: u32 = 0;
  for (let s: u32 = 0; s <= last; s++) {
    const count = load<u32>(counts + (s << 2));
    if (count !== 0) cost += count * (whole - log2(count));
  }
  return cost;
}

function costWithNorms(counts: usize, last: u32, norms: usize, log: u32): u32 {
  let cost: u32 = 0;
  for (let s: u32 = 0; s <= last; s++) {
    const count = load<u32>(counts + (s << 2));
    if (count !== 0) cost += count * ((log << 8) - log2(max<i32>(1, load<i16>(norms + (s << 1)))));
  }
  return cost;
}

/** Return the cost with a table that exists, NEVER when a code has no state in it. */
function costWithTable(counts: usize, last: u32, table: usize, log: u32): u32 {
  if (log === 0 || last > load<u32>(table + FSE_LAST)) return NEVER;
  const absent = ((log + 1) << 16) - ((<u32>1) << log);
  let cost: u32 = 0;
  for (let s: u32 = 0; s <= last; s++) {
    const count = load<u32>(counts + (s << 2));
    if (count === 0) continue;
    const delta = <u32>load<u64>(table + FSE_TRANSFORMS + (s << 3));
    // Most bits, less the share of states that take one bit less.
    const most = (delta >>> 16) + 1;
    if (delta === absent) return NEVER;
    const fewer = (((most << 16) - delta - ((<u32>1) << log)) << 8) >>> log;
    cost += count * ((most << 8) - fewer);
  }
  return cost;
}
