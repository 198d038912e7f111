// Blocks of the highest levels: the sequences of a block are coded as one block, or in halves as blocks with
// tables of their own, and the halves in halves, as long as that takes fewer bytes.
import { ZSTD_MAX_BLOCK_BYTES } from "../format";
import { convertSequences, LENGTH_MASK } from "./codes";
import { HUFFMAN_LENGTHS } from "./layout";
import { writeLiterals } from "./literals";
import { writeSequences } from "./sequences";

export const HEAD_BYTES: u32 = 3;
const CODED_BLOCK: u32 = 2;
/** Fewer sequences are not worth tables of their own. */
const MIN_SEQUENCES: u32 = 120;
const MAX_DEPTH: usize = 7;
/** State and tables of earlier blocks, which coding changes. */
const SAVED_BYTES: usize = HUFFMAN_LENGTHS;
/** What is saved at each depth. */
const ALL_SAVED_BYTES: usize = MAX_DEPTH * SAVED_BYTES;
/** That, and a copy of the sequences of a block. */
export const SPLIT_BYTES: u32 = <u32>ALL_SAVED_BYTES + 3 * ZSTD_MAX_BLOCK_BYTES;

/** Write a block of `count` sequences; return its end, or 0 when it would pass `limit`. */
export function codePart(
  scratch: usize,
  sequences: usize,
  codes: usize,
  count: u32,
  literals: usize,
  literalBytes: u32,
  isLast: u32,
  out: usize,
  limit: usize,
  hasRawLiterals: bool,
): usize {
  let end = writeLiterals(scratch, literals, literalBytes, out + HEAD_BYTES, hasRawLiterals);
  if (end > limit) return 0;
  convertSequences(scratch, sequences, codes, count);
  end = writeSequences(scratch, sequences, codes, count, end, limit);
  if (end > limit) return 0;
  if (end !== 0) putHead(out, isLast | (CODED_BLOCK << 1) | ((<u32>(end - out) - HEAD_BYTES) << 3));
  return end;
}

export function putHead(out: usize, head: u32): void {
  store<u16>(out, head);
  store<u8>(out + 2, head >>> 16);
}

/** Write one block or several; parameters and result are as those of codePart. `spare`: SPLIT_BYTES. */
export function codeSplit(
  scratch: usize,
  spare: usize,
  sequences: usize,
  codes: usize,
  count: u32,
  literals: usize,
  literalBytes: u32,
  isLast: u32,
  out: usize,
  limit: usize,
): usize {
  const end = spare + ALL_SAVED_BYTES;
  memory.copy(end, sequences, (<usize>count) << 3);
  return codeParts(
    scratch,
    end,
    spare,
    end,
    sequences,
    codes,
    count,
    literals,
    literalBytes,
    isLast,
    out,
    limit,
  );
}

/**
 * Write one block or several; parameters and result are as those of codePart. `copied`: a copy of the
 * sequences, which coding overwrites; `saved` … `savedEnd`: memory for the state at each depth.
 */
function codeParts(
  scratch: usize,
  copied: usize,
  saved: usize,
  savedEnd: usize,
  sequences: usize,
  codes: usize,
  count: u32,
  literals: usize,
  literalBytes: u32,
  isLast: u32,
  out: usize,
  limit: usize,
): usize {
  const isSplit = saved < savedEnd && count >= MIN_SEQUENCES;
  if (isSplit) memory.copy(saved, scratch, SAVED_BYTES);
  let end = codeCopied(scratch, copied, sequences, codes, count, literals, literalBytes, isLast, out, limit);
  if (!isSplit) return end;
  memory.copy(scratch, saved, SAVED_BYTES);
  const half = count >>> 1;
  const middle = (<usize>half) << 3;
  let bytes: u32 = 0;
  for (let at = copied; at < copied + middle; at += 8) bytes += load<u32>(at) & LENGTH_MASK;
  const most = end === 0 ? limit : end - 1;
  const next = saved + SAVED_BYTES;
  end = codeParts(scratch, copied, next, savedEnd, sequences, codes, half, literals, bytes, 0, out, most);
  if (end !== 0)
    end = codeParts(
      scratch,
      copied + middle,
      next,
      savedEnd,
      sequences + middle,
      codes,
      count - half,
      literals + bytes,
      literalBytes - bytes,
      isLast,
      end,
      most,
    );
  if (end !== 0) return end;
  memory.copy(scratch, saved, SAVED_BYTES);
  return codeCopied(scratch, copied, sequences, codes, count, literals, literalBytes, isLast, out, limit);
}

function codeCopied(
  scratch: usize,
  copied: usize,
  sequences: usize,
  codes: usize,
  count: u32,
  literals: usize,
  literalBytes: u32,
  isLast: u32,
  out: usize,
  limit: usize,
): usize {
  memory.copy(sequences, copied, (<usize>count) << 3);
  return codePart(scratch, sequences, codes, count, literals, literalBytes, isLast, out, limit, false);
}
