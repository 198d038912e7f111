// Updates the tables of kernels: targets in docs/performance.md, ratios and other suites in
// docs/performance/kernels.md:
//
//   node scripts/update-performance.mjs RUN.json...
//
// Each file is written by `npm run bench -- SUITE --json RUN.json`, with one version of Node.
import { readFileSync } from 'node:fs';
import { againstTargets, geometricMean } from '../bench/kernels/targets.mjs';
import { put } from './put-table.mjs';

const files = process.argv.slice(2);
if (files.length === 0) {
  process.stderr.write('usage: node scripts/update-performance.mjs RUN.json...\n');
  process.exit(2);
}
const all = files.flatMap((file) => JSON.parse(readFileSync(file, 'utf8')));
// These tables have means over the kinds of pages; the zstd table of docs/performance.md has guests' pages.
const rows = all.filter(({ kernel, corpus }) => kernel && !corpus?.startsWith('guest '));
const versions = [...new Set(rows.map(({ node }) => node))].sort(
  (a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10),
);

put('docs/performance.md', 'targets', targetTable());
put('docs/performance/kernels.md', 'ratios', ratioTable());
put('docs/performance/kernels.md', 'suites', suiteTable());

/** One row per kernel, direction and peer: geometric mean over the kinds of pages, and the range. */
function ratioTable() {
  const sets = ['cached', 'large'];
  const columns = versions.flatMap((node) => sets.map((set) => ({ node, set })));
  const lines = [
    `| kernel | ours ÷ | ${columns.map(({ node, set }) => `${set}, Node ${node}`).join(' | ')} |`,
    `|---|---|${columns.map(() => '---:|').join('')}`,
  ];
  const withPeer = rows.filter(({ peer }) => peer);
  for (const key of new Set(
    withPeer.map(({ kernel, direction, peer }) => `${kernel}\n${direction}\n${peer}`),
  )) {
    const [kernel, direction, peer] = key.split('\n');
    const cells = columns.map(({ node, set }) =>
      meanAndRange(
        withPeer.filter(
          (row) =>
            row.kernel === kernel &&
            row.direction === direction &&
            row.peer === peer &&
            row.node === node &&
            row.set === set &&
            counts(row),
        ),
      ),
    );
    lines.push(
      `| ${kernel}${kernel.startsWith(direction) ? '' : ` ${direction}`} | ${peer} | ${cells.join(' | ')} |`,
    );
  }
  return lines.join('\n');
}

/** Zero pages count for the scan only: no codec receives them. */
function counts({ kernel, corpus }) {
  return kernel === 'scan' ? corpus === 'zero' : corpus !== 'zero';
}

function meanAndRange(selected) {
  if (selected.length === 0) return '–';
  const ratios = selected.map(({ ratio }) => ratio);
  const range = `${rounded(Math.min(...ratios))}–${rounded(Math.max(...ratios))}`;
  return ratios.length === 1 ? rounded(ratios[0]) : `${rounded(geometricMean(ratios))} (${range})`;
}

/** One row per target, with the result of each version of Node. */
function targetTable() {
  const found = versions.map((node) => againstTargets(rows.filter((row) => row.node === node)));
  const lines = [
    `| kernel | ours ÷ | target | ${versions.map((node) => `Node ${node}`).join(' | ')} |`,
    `|---|---|---:|${versions.map(() => '---:|').join('')}`,
  ];
  for (const { kernel, direction, peer, set, of, atLeast } of found[0]) {
    const cells = found.map((list) => {
      const match = list.find(
        (other) =>
          other.kernel === kernel &&
          other.direction === direction &&
          other.peer === peer &&
          other.set === set &&
          `${other.of}` === `${of}`,
      );
      return match
        ? `${match.mean < atLeast ? '**' : ''}${rounded(match.mean)}${match.mean < atLeast ? '**' : ''}`
        : '–';
    });
    const description = `${kernel}${kernel.startsWith(direction) ? '' : ` ${direction}`}${of ? `, ${of}` : ''}, ${set}`;
    lines.push(`| ${description} | ${peer} | ${atLeast} | ${cells.join(' | ')} |`);
  }
  return lines.join('\n');
}

/** The results of the other suites that have a target. */
function suiteTable() {
  const withTarget = all.filter(({ target }) => target !== undefined);
  const nameOf = (row) =>
    ({
      index: () => `page index, ${row.entries / 2 ** 20} Mi pages, ${row.operation} | Map<bigint>`,
      'pages-in-out': () => `pages ${row.direction}, ${row.contestant}, ${row.set} | memcpy`,
      threads: () => `two workers, ${row.image}, CPU time (wall time) | one worker`,
      stages: () => `decisions, ${row.images?.join(' + ')} | the chosen codecs' kernels`,
    })[row.suite]();
  const cellOf = ({ ratio, wallRatio }) => `${rounded(ratio)}${wallRatio ? ` (${rounded(wallRatio)})` : ''}`;
  const lines = [
    `| measurement | against | target | ${versions.map((node) => `Node ${node}`).join(' | ')} |`,
    `|---|---|---:|${versions.map(() => '---:|').join('')}`,
  ];
  for (const name of new Set(withTarget.map(nameOf))) {
    const matching = withTarget.filter((row) => nameOf(row) === name);
    const cells = versions.map((node) => {
      const row = matching.find((one) => one.node === node);
      return row ? (row.met ? cellOf(row) : `**${cellOf(row)}**`) : '–';
    });
    lines.push(
      `| ${name} | ${matching[0].suite === 'stages' ? '≤' : '≥'} ${matching[0].target} | ${cells.join(' | ')} |`,
    );
  }
  return lines.join('\n');
}

function rounded(value) {
  return value >= 10 ? value.toFixed(0) : value.toFixed(2);
}
