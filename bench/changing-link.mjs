// A link whose rate changes mid-stream (10 Gbit/s, 100 Mbit/s, 10 Gbit/s), in real time: adaptive, which
// measures the rate, against an oracle (adaptive with the exact rate at any time) and each fixed strategy.
// The result is the time until the last byte is sent.
import { bytesSource, createEncoder, decodeImages, strategyByName } from '../dist/index.js';
import { print, printTable, verdict, writeRows } from './kernels/suite.mjs';
import { median, race } from './race.mjs';
import { createLink, realTime, schedule } from './tradeoff/link.mjs';
import { readLinkOptions } from './tradeoff/options.mjs';
import { collectGarbage, encoderOptions, keptStream } from './tradeoff/runner.mjs';
import { cacheHeavy } from './workloads/cache-heavy.mjs';
import { idle } from './workloads/idle.mjs';
import { writeHeavy } from './workloads/write-heavy.mjs';

const FAST = 10e9;
const SLOW = 100e6;
const FIXED = ['fixed:raw', 'fixed:lz4', 'fixed:wkdm', 'fixed:zstd:1', 'fixed:zstd:3', 'fixed:zstd:9'];
const TARGET = 1.1;
/** One image with the memory of several kinds of guests, long enough for both changes of the rate. */
const GUESTS = [idle, cacheHeavy, writeHeavy];
const GUEST_COUNT = 15;
const ZEROS = Buffer.alloc(1 << 16);
const FULL = { fastMs: 400, slowMs: 2500 };
const QUICK = { fastMs: 60, slowMs: 300 };

export async function run(argv) {
  const { quick, json, rounds, threads, strategies, mebibytes } = await readLinkOptions(argv, {
    links: [],
    runs: 3,
  });
  const { fastMs, slowMs } = quick ? QUICK : FULL;
  const rates = schedule([
    { untilMs: fastMs, bitsPerSecond: FAST },
    { untilMs: fastMs + slowMs, bitsPerSecond: SLOW },
    { bitsPerSecond: FAST },
  ]);
  const image = { name: 'guests', bytes: await makeImage(mebibytes) };
  const kept = keptStream(image.bytes.length);
  const lanes = [...lanesOf(quick), ...strategies.map((lane) => ({ ...lane, rateSource: 'measured' }))];
  const contestants = lanes.map((lane) => ({
    name: lane.name,
    ownClock: true,
    before: collectGarbage,
    samples: [],
    async run() {
      const sample = await send(image, lane, { rates, kept, threads, slowFromMs: fastMs });
      this.samples.push(sample);
      return sample.totalMs;
    },
  }));
  await race(contestants, { rounds });
  // The first of each is the warm-up.
  const rows = contestants.map(({ name, samples }) => row(name, samples.slice(1), image.bytes.length));
  report(rows, { rounds, fastMs, slowMs, threads });
  writeRows(json, rows);
}

/** `rateSource`: a constant rate, `measured`, or `exact` for the link's current rate. */
function lanesOf(quick) {
  const adaptive = () => strategyByName('adaptive');
  return [
    { name: 'adaptive', strategy: adaptive, rateSource: 'measured' },
    { name: 'oracle', strategy: adaptive, rateSource: 'exact' },
    ...(quick ? FIXED.slice(0, 2) : FIXED).map((name) => ({ name, strategy: name, rateSource: FAST })),
  ];
}

async function makeImage(mebibytes) {
  const bytes = new Uint8Array(GUEST_COUNT * mebibytes * 2 ** 20);
  for (let i = 0; i < GUEST_COUNT; i++) {
    const { value } = await GUESTS[i % GUESTS.length].images({ mebibytes, seed: 1 + i, count: 1 }).next();
    bytes.set(value.bytes, i * value.bytes.length);
  }
  return bytes;
}

async function send(image, { name, strategy, rateSource }, { rates, kept, threads, slowFromMs }) {
  kept.restart();
  const link = createLink(rates, realTime);
  const seen = [];
  const output = (parts) => {
    // Like a socket, it accepts the bytes before they are sent.
    kept.add(parts);
    return link.send(parts.reduce((sum, { length }) => sum + length, 0));
  };
  const inner =
    typeof strategy === 'function'
      ? strategy()
      : typeof strategy === 'string'
        ? strategyByName(strategy)
        : strategy;
  const encoder = await createEncoder(output, {
    ...encoderOptions([image]),
    strategy: withRate(inner, rateSource === 'exact' ? link.bitsPerSecond : undefined, (rate) =>
      seen.push({ ms: link.now(), rate }),
    ),
    linkBitsPerSecond: rateSource === 'exact' ? link.bitsPerSecond() : rateSource,
    threads,
  });
  await encoder.encode(bytesSource(image.bytes, image.name));
  const { bytesOut } = await encoder.finish();
  const totalMs = Math.max(link.now(), link.freeAtMs);
  let differs = false;
  await decodeImages(kept.pieces(), () => comparingSink(image.bytes, () => (differs = true)));
  if (differs) throw new Error(`${name}: the decoded image differs`);
  return { totalMs, bytesOut, reactionMs: reaction(seen, slowFromMs) };
}

/**
 * Return a strategy that receives `rate` in place of the encoder's; `onPack` is called with the rate of each
 * packing.
 */
function withRate(strategy, rate, onPack) {
  let from;
  let overridden;
  const state = (original) => {
    if (!rate) return original;
    if (from !== original) overridden = Object.create(original, { linkBitsPerSecond: { get: rate } });
    from = original;
    return overridden;
  };
  const wrapped = { ...strategy, choose: (page, original) => strategy.choose(page, state(original)) };
  if (strategy.groupBytes) wrapped.groupBytes = (original) => strategy.groupBytes(state(original));
  if (strategy.pack)
    wrapped.pack = (group, original) => {
      onPack(state(original).linkBitsPerSecond);
      return strategy.pack(group, state(original));
    };
  return wrapped;
}

/** Return the time from the drop of the rate until a strategy first packed for about the new rate. */
function reaction(seen, slowFromMs) {
  const known = seen.find(({ ms, rate }) => ms >= slowFromMs && rate < 2 * SLOW);
  return known && known.ms - slowFromMs;
}

/**
 * Return a sink that stores nothing: it compares the bytes with the original and reads earlier pages from it.
 */
function comparingSink(original, differ) {
  return {
    write: (bytes, position) => {
      if (Buffer.compare(bytes, original.subarray(position, position + bytes.length)) !== 0) differ();
    },
    zero(position, bytes) {
      for (let at = position; at < position + bytes; at += ZEROS.length) {
        const part = original.subarray(at, Math.min(at + ZEROS.length, position + bytes));
        if (Buffer.compare(part, ZEROS.subarray(0, part.length)) !== 0) differ();
      }
    },
    readAt(into, position) {
      const part = original.subarray(position, position + into.length);
      into.set(part);
      return part.length;
    },
    finish(bytes) {
      if (bytes !== original.length) differ();
    },
    abort() {},
  };
}

function row(strategy, samples, bytesIn) {
  const of = (pick) => median(samples.map(pick));
  const reactions = samples.map(({ reactionMs }) => reactionMs);
  return {
    suite: 'changing-link',
    strategy,
    bytesIn,
    bytesOut: of(({ bytesOut }) => bytesOut),
    totalMs: of(({ totalMs }) => totalMs),
    ...(reactions.every((ms) => ms !== undefined) && { reactionMs: median(reactions) }),
  };
}

function report(rows, { rounds, fastMs, slowMs, threads }) {
  const [adaptive, oracle] = rows;
  const [{ bytesIn }] = rows;
  print(
    `\n${(bytesIn / 2 ** 20).toFixed(0)} MiB over a link of 10 Gbit/s, after ${fastMs} ms 100 Mbit/s, after ${slowMs} ms more 10 Gbit/s again; ${threads} threads; all images verified; medians of ${rounds}`,
  );
  printTable(
    ['', 'ms until the last byte', '× oracle', 'MiB out', 'reaction ms'],
    rows.map((one) => [
      one.strategy,
      one.totalMs.toFixed(0),
      (one.totalMs / oracle.totalMs).toFixed(3),
      (one.bytesOut / 2 ** 20).toFixed(1),
      one.reactionMs?.toFixed(0) ?? '-',
    ]),
  );
  const best = rows
    .filter(({ strategy }) => FIXED.includes(strategy))
    .reduce((a, b) => (b.totalMs < a.totalMs ? b : a));
  const { text } = verdict(adaptive.totalMs / oracle.totalMs, TARGET, { atMost: true });
  print(
    `  adaptive with a measured rate: ${(adaptive.totalMs / oracle.totalMs).toFixed(3)} × the oracle; ${text}`,
  );
  print(
    `  adaptive: ${(adaptive.totalMs / best.totalMs).toFixed(3)} × the best fixed strategy (${best.strategy})`,
  );
}
