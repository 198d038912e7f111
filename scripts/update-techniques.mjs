// Writes the simulated results of all techniques into docs/techniques.md: `node scripts/update-techniques.mjs
// RUN.json`, where `npm run bench -- techniques --json RUN.json` writes the file.
import { readFileSync } from 'node:fs';
import { put } from './put-table.mjs';

const [file] = process.argv.slice(2);
if (file === undefined) {
  process.stderr.write('usage: node scripts/update-techniques.mjs RUN.json\n');
  process.exit(2);
}
const OURS = 'pageferry';
const LIMIT_MS = 300;
const rows = JSON.parse(readFileSync(file, 'utf8'));
const matrix = rows.filter(({ part }) => part === 'matrix');

put('docs/techniques.md', 'directions', directions());
put('docs/techniques.md', 'matrix', totals());
put('docs/techniques.md', 'ours', ours());

function directions() {
  const lines = [
    '| technique | guest | paper, against pre-copy | did not converge | data | time | downtime |',
    '|---|---|---|---|---:|---:|---:|',
  ];
  for (const {
    technique,
    description,
    paper,
    bytes,
    totalMs,
    downtimeMs,
    remark,
    plainRemark,
  } of rows.filter(({ part }) => part === 'directions')) {
    const which = remark ? (plainRemark ? 'both' : 'technique') : plainRemark ? 'pre-copy' : '';
    const shares = [bytes, totalMs, downtimeMs]
      .map((share) => share.toFixed(share < 0.1 ? 3 : 2))
      .join(' | ');
    lines.push(`| ${technique} | ${description} | ${paper} | ${which} | ${shares} |`);
  }
  return lines.join('\n');
}

/** Total time of every technique on every guest and link; in brackets where over the downtime limit. */
function totals() {
  const columns = [...new Set(matrix.map(columnOf))];
  const lines = [`| technique | ${columns.join(' | ')} |`, `|---|${columns.map(() => '---:|').join('')}`];
  for (const technique of new Set(matrix.map((row) => row.technique))) {
    const cells = columns.map((column) => {
      const row = matrix.find((one) => one.technique === technique && columnOf(one) === column);
      const text = row.totalMs < 1000 ? row.totalMs.toFixed(0) : `${(row.totalMs / 1000).toFixed(1)} s`;
      return row.downtimeMs > LIMIT_MS ? `(${text})` : text;
    });
    lines.push(`| ${technique} | ${cells.join(' | ')} |`);
  }
  return lines.join('\n');
}

function ours() {
  const lines = [
    '| guest | link | pageferry: time, downtime, slowdown | best other within the limit | ratio |',
    '|---|---|---|---|---:|',
  ];
  for (const column of new Set(matrix.map(columnOf))) {
    const some = matrix.filter((row) => columnOf(row) === column);
    const own = some.find(({ technique }) => technique === OURS);
    const others = some.filter(({ technique, downtimeMs }) => technique !== OURS && downtimeMs <= LIMIT_MS);
    const best = others.reduce((a, b) => (b.totalMs < a.totalMs ? b : a));
    const text = `${own.totalMs.toFixed(0)} ms, ${own.downtimeMs.toFixed(0)} ms, ${own.guestSlowdown.toFixed(2)}`;
    lines.push(
      `| ${own.guest} | ${own.link} | ${text} | ${best.technique}, ${best.totalMs.toFixed(0)} ms | ${(own.totalMs / best.totalMs).toFixed(2)} |`,
    );
  }
  return lines.join('\n');
}

function columnOf({ guest, link }) {
  return `${guest}, ${link.replace('bit/s', '').trim()}`;
}
