import type { TimelineRow } from '../engine/encode/timeline-row.js';
import { type AtomicWriter, createAtomicWriter } from '../image/fs/atomic-file.js';
import { timelineText } from '../report/terminal/timeline.js';
import { checkExplain } from './paths.js';
import { printError } from './terminal.js';
import { fileName } from './values.js';

/** The timeline of a command that packs. */
export const EXPLAIN_OPTION = {
  value: 'FILE',
  help: 'time of each stage and the bottleneck, one row each 0.25 s; - for standard error; JSON lines if FILE ends in .jsonl',
  parse: fileName,
} as const;

/** Output of the timeline. */
export interface TimelineOutput {
  write(rows: readonly TimelineRow[]): Promise<void>;
  /** Remove what was written. */
  abort(): void;
}

/**
 * Open the file of a timeline, so that a path that cannot be written fails before the work begins.
 * @throws UsageError if it is another file of the command, PageferryError `io`
 */
export function openTimeline(path: string, others: readonly string[]): TimelineOutput {
  if (path === '-')
    return {
      async write(rows) {
        printError(timelineText(rows));
      },
      abort() {},
    };
  checkExplain(path, others);
  // A report may be read by others, as the umask allows; unlike guest memory.
  const writer: AtomicWriter = createAtomicWriter(path, { mode: 0o666 & ~process.umask() });
  const text = path.endsWith('.jsonl') ? jsonLines : timelineText;
  return {
    async write(rows) {
      await writer.write(Buffer.from(text(rows)));
      await writer.commit();
    },
    abort: () => writer.abort(),
  };
}

function jsonLines(rows: readonly TimelineRow[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
}
