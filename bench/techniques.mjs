// Compares every technique with plain pre-copy on guests of the kind that its paper describes, and all
// techniques on the same guests. Time is simulated: the same version gives the same numbers on any machine.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { openFileSource } from '../dist/node.js';
import { simulate, TECHNIQUES, traceGuest } from '../dist/simulate.js';
import { print, printTable, readOptions, writeRows } from './kernels/suite.mjs';
import { CLAIMS, kindOfGuest, matrixGuests } from './techniques/guests.mjs';

const LINKS = { '100 Mbit/s': 100e6, '1 Gbit/s': 1e9, '10 Gbit/s': 10e9 };
const RTT_MS = 1;
const LIMIT_MS = 300;
const OURS = 'pageferry';
/** The papers have no downtime limit: rounds end by Xen’s rules. */
const NO_LIMIT_MS = 0;

export async function run(argv) {
  const { quick, json, traces } = readOptions(argv, 'traces');
  const mebibytes = quick ? 16 : 256;
  const rows = [...(await directions(mebibytes)), ...(await matrix(quick, mebibytes, traces))];
  writeRows(json, rows);
}

async function directions(mebibytes) {
  print(
    'each technique against plain pre-copy: 1 Gbit/s, no downtime limit, on a guest of the kind that it was made for',
  );
  const rows = [];
  const link = { bitsPerSecond: 1e9, rttMs: RTT_MS };
  for (const { technique, kind, paper } of CLAIMS) {
    const { description, guest } = kindOfGuest(kind, mebibytes);
    const one = async (name) =>
      await simulate({ guest, technique: name, link, downtimeLimitMs: NO_LIMIT_MS });
    const plain = await one('pre-copy');
    const result = await one(technique);
    const share = (field) => result[field] / plain[field];
    rows.push({
      part: 'directions',
      technique,
      kind,
      description,
      paper,
      bytes: share('bytes'),
      totalMs: share('totalMs'),
      downtimeMs: share('downtimeMs'),
      slowdown: result.guestSlowdown,
      sentEach: result.pagesSent / result.pages,
      faults: result.faults / result.pages,
      remark: result.limitReached ?? '',
      plainRemark: plain.limitReached ?? '',
      verified: result.verified && plain.verified,
    });
  }
  printTable(
    ['technique', 'guest', 'data', 'time', 'downtime', 'pages sent', 'faults', 'paper'],
    rows.map((row) => [
      row.technique,
      row.kind,
      ...['bytes', 'totalMs', 'downtimeMs', 'sentEach', 'faults'].map((field) => row[field].toFixed(3)),
      row.paper,
    ]),
  );
  return rows;
}

async function matrix(quick, mebibytes, traces) {
  const guests = [...matrixGuests(mebibytes).slice(0, quick ? 1 : undefined), ...tracesIn(traces)];
  const rows = [];
  for (const guest of guests)
    for (const [text, bitsPerSecond] of Object.entries(LINKS).slice(0, quick ? 1 : undefined)) {
      const results = [];
      for (const technique of TECHNIQUES)
        results.push(
          await simulate({
            guest,
            technique,
            link: { bitsPerSecond, rttMs: RTT_MS },
            downtimeLimitMs: LIMIT_MS,
          }),
        );
      rows.push(...results.map((result) => rowOf(result, text)));
      report(guest.name, text, results);
    }
  return rows;
}

function rowOf({ guest, technique, strategy, ...result }, link) {
  const { totalMs, downtimeMs, bytes, rounds, cpuMs, guestSlowdown, verified, limitReached = '' } = result;
  return {
    part: 'matrix',
    guest,
    link,
    technique,
    strategy,
    totalMs,
    downtimeMs,
    bytes,
    rounds,
    cpuMs,
    guestSlowdown,
    verified,
    limitReached,
  };
}

function report(guest, link, results) {
  print(`\n${guest}, ${link}, downtime limit ${LIMIT_MS} ms`);
  const sorted = [...results].sort((a, b) => a.totalMs - b.totalMs);
  printTable(
    ['technique', 'total ms', 'downtime ms', 'MB', 'rounds', 'CPU ms', 'slowdown', 'remark'],
    sorted.map((result) => [
      result.technique,
      result.totalMs.toFixed(0),
      result.downtimeMs.toFixed(0),
      (result.bytes / 1e6).toFixed(1),
      result.rounds,
      result.cpuMs.toFixed(0),
      result.guestSlowdown.toFixed(3),
      result.limitReached ?? '',
    ]),
  );
  const ours = results.find(({ technique }) => technique === OURS);
  const best = sorted.find(({ technique, downtimeMs }) => technique !== OURS && downtimeMs <= LIMIT_MS);
  if (best)
    print(
      `  ${OURS} takes ${(ours.totalMs / best.totalMs).toFixed(3)} of the best other within the limit (${best.technique})`,
    );
}

/** Opens every subfolder of snapshots as a trace. */
function tracesIn(folder) {
  if (folder === undefined) return [];
  const names = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return names.map(({ name }) => {
    const files = readdirSync(join(folder, name)).sort();
    return traceGuest(
      name,
      files.map((file) => openFileSource(join(folder, name, file))),
    );
  });
}
