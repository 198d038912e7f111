import { basename } from 'node:path';
import { openImage } from '../../image/formats.js';
import type { PageSource } from '../../page/source.js';
import { bytesText, msText } from '../../report/terminal/units.js';
import type { SnapshotInfo } from '../../store/database.js';
import type { PutOptions } from '../../store/options.js';
import { openSnapshotDiff } from '../../store/snapshot-diff.js';
import type { Store } from '../../store/store.js';
import { defineCommand } from '../command.js';
import { FORMAT_OPTION, JSON_OPTION } from '../common-options.js';
import { checkInputs } from '../paths.js';
import { createProgressLine } from '../progress.js';
import { printOut } from '../terminal.js';
import { THREADS_OPTION, threadCount } from '../threads.js';
import { UsageError } from '../usage-error.js';
import { fileName, wholeNumber } from '../values.js';
import { labelPair, STORE_OPTIONS, WAIT_OPTION, withStore, writerOptions } from './options.js';

export const put = defineCommand({
  name: 'put',
  summary: 'store images as snapshots',
  operands: { label: 'IMAGE...', min: 1, max: Number.POSITIVE_INFINITY },
  options: {
    ...STORE_OPTIONS,
    name: {
      value: 'NAME',
      help: 'name of the snapshot, one for each image',
      repeatable: true,
      defaultText: 'the name of its file up to the last dot',
    },
    parent: { value: 'NAME', help: 'earlier snapshot of the same guest', parse: fileName },
    'diff-of': {
      value: 'NAME',
      help: 'images are sparse files: their holes mean "as in this snapshot", their parent',
      parse: fileName,
    },
    state: {
      value: 'FILE',
      help: 'file to keep beside the snapshot, as the snapshot NAME.state: the state of a guest',
      parse: fileName,
    },
    label: { value: 'KEY=VALUE', help: 'label of the snapshots', parse: labelPair, repeatable: true },
    threads: THREADS_OPTION,
    level: { value: 'N', help: 'level of zstd, 1 to 22', parse: wholeNumber(1, 22), default: '3' },
    format: { ...FORMAT_OPTION, defaultText: 'raw: the file, byte by byte' },
    wait: WAIT_OPTION,
    json: JSON_OPTION,
  },
  details: [
    'Of several images, each one but the first has the one before as its parent. Pages that the store has are not stored again, whatever the parent is.',
    "With --diff-of, each image but the first is a diff of the one before (Firecracker's diff snapshots); each is stored whole, so that no snapshot needs another. Needs the package koffi.",
  ],
  async run({ values, operands, signal }) {
    checkInputs(operands);
    const names = namesOf(operands, values.name);
    const threads = threadCount(values.threads);
    const { 'diff-of': diffOf } = values;
    if (diffOf !== undefined && (values.parent !== undefined || values.format !== undefined))
      throw new UsageError('--diff-of: cannot be combined with --parent or --format');
    const { state } = values;
    if (state !== undefined && operands.length > 1)
      throw new UsageError('--state: belongs to one image; put the images one by one');
    await withStore(values, async (store) => {
      let parent = diffOf ?? values.parent;
      const line = createProgressLine('storing');
      for (const [i, path] of operands.entries()) {
        const startedMs = performance.now();
        const source =
          diffOf === undefined
            ? openImage(path, { format: values.format ?? 'raw' })
            : await openSnapshotDiff(store, path, parent!);
        const labels = Object.fromEntries(values.label);
        const writing = { ...writerOptions(values, signal), labels };
        const stateName = `${names[i]!}.state`;
        let hasState = false;
        try {
          // First: a snapshot that is there has its state.
          if (state !== undefined) await putFile(store, state, { ...writing, name: stateName });
          hasState = state !== undefined;
          const info = await store.put(source, {
            ...writing,
            name: names[i]!,
            ...(parent !== undefined && { parent }),
            threads,
            level: values.level,
            onProgress: (bytes) => line.onBytes(bytes, source.bytes),
          });
          line.end();
          report(info, source, performance.now() - startedMs, values.json);
          parent = info.name;
        } catch (error) {
          if (hasState) await store.remove(stateName);
          throw error;
        } finally {
          line.end();
          source.close();
        }
      }
    });
  },
});

/** Store a file as a snapshot of its own. */
async function putFile(store: Store, path: string, options: PutOptions): Promise<void> {
  const source = openImage(path, { format: 'raw' });
  try {
    await store.put(source, options);
  } finally {
    source.close();
  }
}

function report(info: SnapshotInfo, source: PageSource, ms: number, json: boolean): void {
  if (json) {
    printOut(`${JSON.stringify({ ...info, source: source.name, ms: Math.round(ms) })}\n`);
    return;
  }
  const { name, bytes, pages, zeroPages, newPages, storedBytes } = info;
  printOut(
    `${name}: ${bytesText(bytes)}, ${pages} pages: ${zeroPages} zero, ${pages - zeroPages - newPages} known, ` +
      `${newPages} new in ${bytesText(storedBytes)}; ${msText(ms)}\n`,
  );
}

function namesOf(paths: readonly string[], given: readonly string[]): readonly string[] {
  if (given.length > 0 && given.length !== paths.length)
    throw new UsageError(`--name: ${given.length} names for ${paths.length} images; give one for each`);
  if (given.length === 0 && paths.includes('-'))
    throw new UsageError('--name NAME is required for standard input');
  const names = given.length > 0 ? given : paths.map((path) => basename(path).replace(/(?<=.)\.[^.]*$/, ''));
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new UsageError(`--name: two snapshots cannot both be called ${twice}`);
  return names;
}
