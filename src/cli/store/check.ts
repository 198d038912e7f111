import { PageferryError } from '../../page/error.js';
import { bytesText, countText } from '../../report/terminal/units.js';
import type { CheckReport } from '../../store/check/check.js';
import type { DamagedSnapshot } from '../../store/check/damaged-pages.js';
import { defineCommand } from '../command.js';
import { JSON_OPTION } from '../json-option.js';
import { createProgressLine } from '../progress.js';
import { printOut } from '../terminal.js';
import { interruptedText } from './free-space.js';
import { STORE_OPTIONS, withStore } from './options.js';

const MAX_PROBLEMS = 20;
const MAX_RANGES = 10;

export const check = defineCommand({
  name: 'check',
  summary: 'check a store; name the snapshots and pages that are damaged',
  options: {
    ...STORE_OPTIONS,
    'read-data': { help: 'read all packs, and compare every page with its digest' },
    json: JSON_OPTION,
  },
  async run({ values, signal }) {
    const line = createProgressLine('checking');
    const report = await withStore(values, (store) =>
      store.check({ readData: values['read-data'], signal, onProgress: line.onBytes }),
    ).finally(line.end);
    const { problems } = report;
    printOut(
      values.json ? `${JSON.stringify({ ...report, isSound: problems.length === 0 })}\n` : text(report),
    );
    if (problems.length > 0)
      throw new PageferryError(
        'bad-stream',
        `the store is damaged: ${countText(problems.length, 'problem')}, ${countText(report.damaged.length, 'snapshot')} with damaged pages`,
      );
  },
});

function text(report: CheckReport): string {
  const { problems, damaged, snapshots, frames, packs, bytesRead, interruptedBytes } = report;
  const lines = problems.slice(0, MAX_PROBLEMS);
  if (problems.length > MAX_PROBLEMS)
    lines.push(`... and ${countText(problems.length - MAX_PROBLEMS, 'more problem')}`);
  lines.push(...damaged.map(damageText));
  const counts = [countText(snapshots, 'snapshot'), countText(frames, 'frame'), countText(packs, 'pack')];
  const read = bytesRead > 0 ? `; ${bytesText(bytesRead)} of packs read` : '';
  lines.push(`${counts.join(', ')}${read}: ${countText(problems.length, 'problem')}`);
  if (interruptedBytes > 0) lines.push(`${interruptedText(interruptedBytes)}; store gc frees them`);
  return `${lines.join('\n')}\n`;
}

function damageText({ name, isUnreadable, pages, ranges }: DamagedSnapshot): string {
  if (isUnreadable) return `snapshot ${name}: cannot be read`;
  const listed = ranges
    .slice(0, MAX_RANGES)
    .map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`));
  const more = ranges.length > MAX_RANGES ? ', ...' : '';
  return `snapshot ${name}: ${countText(pages, 'damaged page')}: ${listed.join(', ')}${more}`;
}
