// Encodes and decodes a workload with a strategy, in this process and without a link: the strategy receives
// the link's rate, and the model computes the transfer time afterwards.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { bytesSource, createEncoder, decodeImages } from '../../dist/index.js';

const PAGE_BYTES = 4096;
const PIECE_BYTES = 1 << 20;
/** The first byte of a frame's record. */
const PAGES_RECORD = 2;

setFlagsFromString('--expose-gc');
/** Collect garbage before each contestant, so that it does not pay for the previous one's. */
export const collectGarbage = runInNewContext('gc');

/** CPU time of all threads of this process, in ms. */
function cpuNow() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Return a runner for strategies on `images`. Buffers are reused, so that no run pays for fresh memory. */
export function createRunner(images, threads) {
  const bytesIn = images.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const kept = keptStream(bytesIn);
  const buffers = images.map(({ bytes }) => new Uint8Array(bytes.length));
  return {
    bytesIn,
    pages: images.reduce((sum, { bytes }) => sum + Math.ceil(bytes.length / PAGE_BYTES), 0),
    /**
     * Run a strategy; return a measurement as the model takes it (src/analyze/tradeoff/model.ts).
     *
     * @throws Error when a decoded image differs
     */
    async run({ name, strategy }, linkBitsPerSecond) {
      kept.restart();
      const { summary, encodeMs, cpuMs } = await encode(images, kept, {
        strategy,
        linkBitsPerSecond,
        threads,
      });
      for (const buffer of buffers) buffer.fill(0);
      const startedAt = performance.now();
      await decodeImages(kept.pieces(), (_, number) => bufferSink(buffers[number]));
      const decodeMs = performance.now() - startedAt;
      for (const [i, buffer] of buffers.entries())
        if (Buffer.compare(buffer, images[i].bytes) !== 0)
          throw new Error(`${name}: the decoded ${images[i].name} differs`);
      const { pages, bytesOut } = summary;
      const { frames, departures } = kept;
      return { name, pages, bytesIn, bytesOut, encodeMs, decodeMs, cpuMs, frames, departures };
    },
  };
}

/** Return the options that `pageferry pack` uses for images in memory. */
export function encoderOptions(images) {
  const pages = images.reduce((sum, { bytes }) => sum + bytes.length / PAGE_BYTES, 0);
  return {
    deltaBudgetBytes: 0,
    expectedBytes: images.reduce((sum, { bytes }) => sum + bytes.length, 0),
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
  // Storing the stream is the bench's work, not the encoder's.
  return { summary, encodeMs: summary.encodeMs - kept.ms, cpuMs: cpuNow() - cpuFrom - kept.ms };
}

/** Return a store for a stream, which measures the time that storing takes; its buffer is reused. */
export function keptStream(bytesIn) {
  let buffer = new Uint8Array(bytesIn + (bytesIn >>> 5) + (1 << 20));
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
        if (used + part.length > buffer.length) buffer = grown(buffer, used + part.length);
        buffer.set(part, used);
        used += part.length;
      }
      this.ms += performance.now() - from;
    },
    *pieces() {
      for (let at = 0; at < used; at += PIECE_BYTES)
        yield buffer.subarray(at, Math.min(used, at + PIECE_BYTES));
    },
  };
}

function grown(buffer, bytes) {
  const larger = new Uint8Array(2 * bytes);
  larger.set(buffer);
  return larger;
}

/** Return a sink for a zeroed buffer, so zero pages need no writes. */
function bufferSink(buffer) {
  return {
    write: (bytes, position) => buffer.set(bytes, position),
    zero() {},
    readAt(into, position) {
      const part = buffer.subarray(position, position + into.length);
      into.set(part);
      return part.length;
    },
    finish() {},
    abort() {},
  };
}
