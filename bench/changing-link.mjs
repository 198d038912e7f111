// A link that changes its rate mid-stream, 10 Gbit/s, 100 Mbit/s, 10 Gbit/s, in real time: adaptive, which
// measures it, against an oracle (adaptive, told the right rate at every moment) and each fixed strategy.
// What counts is when the last byte has gone.
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
/** The stream is one memory of guests of several kinds, so that it lasts through both changes. */
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
  const lanes = [...lanesOf(quick), ...strategies.map((lane) => ({ ...lane, told: 'measured' }))];
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
  // The first of each was to warm up.
  const rows = contestants.map(({ name, samples }) => row(name, samples.slice(1), image.bytes.length));
  report(rows, { rounds, fastMs, slowMs, threads });
  writeRows(json, rows);
}

/** `told`: a rate, `measured`, or `now` for the right one at every moment. */
function lanesOf(quick) {
  const adaptive = () => strategyByName('adaptive');
  return [
    { name: 'adaptive', strategy: adaptive, told: 'measured' },
    { name: 'oracle', strategy: adaptive, told: 'now' },
    ...(quick ? FIXED.slice(0, 2) : FIXED).map((name) => ({ name, strategy: name, told: FAST })),
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

async function send(image, { name, strategy, told }, { rates, kept, threads, slowFromMs }) {
  kept.restart();
  const link = createLink(rates, realTime);
  const seen = [];
  const output = (parts) => {
    // As a socket would, it takes the bytes before they are sent.
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
    strategy: watched(inner, told === 'now' ? link.bitsPerSecond : undefined, (rate) =>
      seen.push({ ms: link.now(), rate }),
    ),
    linkBitsPerSecond: told === 'now' ? link.bitsPerSecond() : told,
    threads,
  });
  await encoder.encode(bytesSource(image.bytes, image.name));
  const { bytesOut } = await encoder.finish();
  const totalMs = Math.max(link.now(), link.freeAtMs);
  let differs = false;
  await decodeImages(kept.pieces(), () => comparingSink(image.bytes, () => (differs = true)));
  if (differs) throw new Error(`${name}: other bytes arrived`);
  return { totalMs, bytesOut, reactionMs: reaction(seen, slowFromMs) };
}

/**
 * A strategy whose link's rate may be another than the encoder's; `saw` hears at every packing what it is.
 */
function watched(strategy, rate, saw) {
  let from;
  let given;
  const state = (original) => {
    if (!rate) return original;
    if (from !== original) given = Object.create(original, { linkBitsPerSecond: { get: rate } });
    from = original;
    return given;
  };
  const wrapped = { ...strategy, choose: (page, original) => strategy.choose(page, state(original)) };
  if (strategy.groupBytes) wrapped.groupBytes = (original) => strategy.groupBytes(state(original));
  if (strategy.pack)
    wrapped.pack = (group, original) => {
      saw(state(original).linkBitsPerSecond);
      return strategy.pack(group, state(original));
    };
  return wrapped;
}

/** How long after the link got slow a strategy first packed for about its rate. */
function reaction(seen, slowFromMs) {
  const known = seen.find(({ ms, rate }) => ms >= slowFromMs && rate < 2 * SLOW);
  return known && known.ms - slowFromMs;
}

/**
 * Keeps nothing: what arrives is compared at once, and what later pages refer to is read from the original.
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
    `\n${(bytesIn / 2 ** 20).toFixed(0)} MiB over a link of 10 Gbit/s, after ${fastMs} ms 100 Mbit/s, after ${slowMs} ms more 10 Gbit/s again; ${threads} threads; all came back as they were; medians of ${rounds}`,
  );
  printTable(
    ['', 'ms until the last byte', 'of the oracle', 'MiB out', 'knew the slow rate after ms'],
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
    `  adaptive, which measures, ${(adaptive.totalMs / oracle.totalMs).toFixed(3)} of the oracle: ${text}`,
  );
  print(
    `  adaptive ${(adaptive.totalMs / best.totalMs).toFixed(3)} of the best fixed one in hindsight, ${best.strategy}`,
  );
}
