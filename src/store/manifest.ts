// A manifest: the frame and slot of each page of a snapshot.
//
//   manifest = count(pages) count(runs) kind* length* frame* slot* u32(check)      columns, one entry a run
//   kind     = 0 zero pages | 1 pages of one frame, in consecutive slots
//   length   = count(pages of the run)
//   frame    = zigzag count: its frame id less that of the run before            for runs of kind 1
//   slot     = u8: first slot                                                    for runs of kind 1
import { WireReader, WireWriter } from '../stream/wire.js';
import { MAX_FRAME_ID, SLOT_LIMIT, ZERO_FRAME } from './limits.js';
import { PageRuns } from './page-runs.js';
import { recordCheck, withoutCheck } from './record-check.js';

const KIND = { ZERO: 0, FRAME: 1 } as const;

/** Return the manifest of a snapshot called `name`. */
export function encodeManifest(name: string, runs: PageRuns): Uint8Array {
  const { count, frames, slots, starts } = runs;
  const writer = new WireWriter();
  writer.count(runs.pages);
  writer.count(count);
  for (let i = 0; i < count; i++) writer.u8(frames[i] === ZERO_FRAME ? KIND.ZERO : KIND.FRAME);
  for (let i = 0; i < count; i++) writer.count(runs.end(i) - starts[i]!);
  let last = 0;
  for (let i = 0; i < count; i++) {
    if (frames[i] === ZERO_FRAME) continue;
    writer.count(zigzag(frames[i]! - last));
    last = frames[i]!;
  }
  for (let i = 0; i < count; i++) if (frames[i] !== ZERO_FRAME) writer.u8(slots[i]!);
  writer.u32(recordCheck(recordName(name), writer.bytes));
  return writer.bytes.slice();
}

/**
 * Parse the manifest of a snapshot, in memory in proportion to `bytes`. @throws PageferryError `bad-stream`
 * that names the snapshot
 */
export function decodeManifest(name: string, bytes: Uint8Array): PageRuns {
  const reader = new WireReader(withoutCheck(recordName(name), bytes), `snapshot ${name}: manifest`);
  const pages = reader.count();
  const count = reader.count();
  if (count > reader.left) throw reader.bad(`${count} runs in ${reader.left} bytes`);
  const kinds = reader.take(count);
  const lengths = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    lengths[i] = reader.count();
    if (lengths[i] === 0) throw reader.bad(`run ${i} of no pages`);
  }
  const frames = new Uint32Array(count);
  for (let i = 0, last = 0; i < count; i++) {
    if (kinds[i] === KIND.ZERO) continue;
    if (kinds[i] !== KIND.FRAME) throw reader.bad(`run ${i} of kind ${kinds[i]}`);
    last += unzigzag(reader.count());
    if (last <= ZERO_FRAME || last > MAX_FRAME_ID) throw reader.bad(`run ${i} in frame ${last}`);
    frames[i] = last;
  }
  const runs = new PageRuns();
  for (let i = 0; i < count; i++) {
    const slot = frames[i] === ZERO_FRAME ? 0 : reader.u8();
    if (frames[i] !== ZERO_FRAME && slot + lengths[i]! > SLOT_LIMIT)
      throw reader.bad(`run ${i} of ${lengths[i]} pages from slot ${slot}`);
    runs.append(frames[i]!, slot, lengths[i]!);
  }
  reader.end();
  if (runs.pages !== pages) throw reader.bad(`runs of ${runs.pages} pages, expected ${pages}`);
  return runs;
}

function recordName(name: string): string {
  return `manifest ${name}`;
}

function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

function unzigzag(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}
