// One encoding and decoding of a workload with a strategy, in this process. Nothing is waited for: a strategy
// is told the link's rate, the link itself is reckoned with afterwards.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { bytesSource, createEncoder, decodeImages } from '../../dist/index.js';

const PAGE_BYTES = 4096;
const PIECE_BYTES = 1 << 20;
/** The first byte of a frame's record. */
const PAGES_RECORD = 2;

setFlagsFromString('--expose-gc');
/** What one leaves behind is not for the next to clear up. */
export const collectGarbage = runInNewContext('gc');

/** CPU time of this process, all its threads, in ms. */
function cpuNow() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/**
 * Runs strategies on images; the room for stream and decoded images is used again, so that no run pays for
 * fresh memory.
 */
export function createRunner(images, threads) {
  const bytesIn = images.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const kept = keptStream(bytesIn);
  const rooms = images.map(({ bytes }) => new Uint8Array(bytes.length));
  return {
    bytesIn,
    pages: images.reduce((sum, { bytes }) => sum + Math.ceil(bytes.length / PAGE_BYTES), 0),
    /**
     * A measure as the model takes it (`src/analyze/tradeoff/model.ts`). @throws when an image does not come
     * back as it was
     */
    async run({ name, strategy }, linkBitsPerSecond) {
      kept.restart();
      const { summary, encodeMs, cpuMs } = await encode(images, kept, {
        strategy,
        linkBitsPerSecond,
        threads,
      });
      for (const room of rooms) room.fill(0);
      const startedAt = performance.now();
      await decodeImages(kept.pieces(), (_, number) => roomSink(rooms[number]));
      const decodeMs = performance.now() - startedAt;
      for (const [i, room] of rooms.entries())
        if (Buffer.compare(room, images[i].bytes) !== 0)
          throw new Error(`${name}: ${images[i].name} came back with other bytes`);
      const { pages, bytesOut } = summary;
      const { frames, departures } = kept;
      return { name, pages, bytesIn, bytesOut, encodeMs, decodeMs, cpuMs, frames, departures };
    },
  };
}

/** What `createEncoder` is told of images that stand still in memory, as `pageferry pack` would. */
export function encoderOptions(images) {
  const pages = images.reduce((sum, { bytes }) => sum + bytes.length / PAGE_BYTES, 0);
  return {
    deltaBudgetBytes: 0,
    indexPages: Math.min(Math.max(pages, 1024), 2 ** 22),
    similar: images.length > 1,
  };
}

async function encode(images, kept, options) {
  const cpuFrom = cpuNow();
  kept.startedAt = performance.now();
  const encoder = await createEncoder((parts) => kept.add(parts), { ...encoderOptions(images), ...options });
  for (const { name, bytes } of images) await encoder.encode(bytesSource(bytes, name));
  const summary = await encoder.finish();
  // Keeping the bytes is the bench's doing, not the encoder's.
  return { summary, encodeMs: summary.encodeMs - kept.ms, cpuMs: cpuNow() - cpuFrom - kept.ms };
}

/** A stream's bytes, and what it took to keep them; the room is used again. */
export function keptStream(bytesIn) {
  let room = new Uint8Array(bytesIn + (bytesIn >>> 5) + (1 << 20));
  let used = 0;
  return {
    ms: 0,
    frames: 0,
    startedAt: 0,
    departures: [],
    restart() {
      used = 0;
      this.departures = [];
      this.ms = 0;
      this.frames = 0;
    },
    add(parts) {
      const from = performance.now();
      if (parts[0][0] === PAGES_RECORD) this.frames++;
      const bytes = parts.reduce((sum, { length }) => sum + length, 0);
      this.departures.push({ atMs: from - this.startedAt - this.ms, bytes });
      for (const part of parts) {
        if (used + part.length > room.length) room = grown(room, used + part.length);
        room.set(part, used);
        used += part.length;
      }
      this.ms += performance.now() - from;
    },
    *pieces() {
      for (let at = 0; at < used; at += PIECE_BYTES)
        yield room.subarray(at, Math.min(used, at + PIECE_BYTES));
    },
  };
}

function grown(room, bytes) {
  const larger = new Uint8Array(2 * bytes);
  larger.set(room);
  return larger;
}

/** A receiver's memory: fresh, so zero pages need no writing. */
function roomSink(room) {
  return {
    write: (bytes, position) => room.set(bytes, position),
    zero() {},
    readAt(into, position) {
      const part = room.subarray(position, position + into.length);
      into.set(part);
      return part.length;
    },
    finish() {},
    abort() {},
  };
}
