import type { FileSource } from '../../image/image-file.js';
import { openSnapshotDiff } from '../../store/snapshot-diff.js';
import { readTrace } from '../../store/trace.js';
import { defineCommand } from '../command.js';
import { FORMAT_OPTION } from '../common-options.js';
import { JSON_OPTION } from '../json-option.js';
import { checkInputs } from '../paths.js';
import { THREADS_OPTION, threadCount } from '../threads.js';
import { UsageError } from '../usage-error.js';
import { fileName, wholeNumber } from '../values.js';
import { ImagePut } from './image-put.js';
import { labelPair, STORE_OPTIONS, WAIT_OPTION, withStore, writerOptions } from './options.js';
import { afterStored, checkPutInputs, namesOf, openPutInput } from './put-inputs.js';

export const put = defineCommand({
  name: 'put',
  summary: 'store images as snapshots',
  operands: { label: 'IMAGE...', min: 1, max: Infinity },
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
      help: 'images are sparse diffs of this snapshot, their parent: a hole is an unchanged page',
      parse: fileName,
    },
    state: {
      value: 'FILE',
      help: 'file with the state of the guest, stored as the snapshot NAME.state',
      parse: fileName,
    },
    trace: {
      value: 'FILE',
      help: 'trace of mount --record, stored as the snapshot NAME.trace: mount reads its pages ahead',
      parse: fileName,
    },
    'skip-existing': {
      help: 'skip images whose snapshots exist and have the same bytes',
    },
    label: {
      value: 'KEY=VALUE',
      help: 'label of the snapshots that are stored',
      parse: labelPair,
      repeatable: true,
    },
    threads: THREADS_OPTION,
    level: { value: 'N', help: 'level of zstd, 1 to 22', parse: wholeNumber(1, 22), default: '3' },
    format: { ...FORMAT_OPTION, defaultText: 'raw: the file, byte by byte' },
    wait: WAIT_OPTION,
    json: JSON_OPTION,
  },
  details: [
    'Of several images, each but the first has the previous one as its parent. Pages that the store has are not stored again, whatever the parent is.',
    "With --diff-of, each image but the first is a diff of the one before (Firecracker's diff snapshots); each is stored whole, so that no snapshot needs another. Needs the package koffi.",
    'A packed stream or another compressed file is refused, because no page of it is found twice, and so is a truncated core or dump; --format raw stores their bytes.',
    'The snapshots NAME.state and NAME.trace are removed together with NAME. --skip-existing continues a put of several images that was interrupted. The labels of a snapshot that is skipped do not change.',
  ],
  async run({ values, operands, signal }) {
    checkInputs(operands);
    const names = namesOf(operands, values.name);
    const threads = threadCount(values.threads);
    const { 'diff-of': diffOf } = values;
    if (diffOf !== undefined && (values.parent !== undefined || values.format !== undefined))
      throw new UsageError('--diff-of: cannot be combined with --parent or --format');
    if (diffOf !== undefined && operands.includes('-'))
      throw new UsageError('--diff-of: standard input has no holes; name a sparse file');
    const { state } = values;
    if (state !== undefined && operands.length > 1)
      throw new UsageError('--state: belongs to one image; put the images one by one');
    const trace = values.trace === undefined ? undefined : readTrace(values.trace);
    if (trace && operands.length > 1)
      throw new UsageError('--trace: belongs to one image; put the images one by one');
    const labels = Object.fromEntries(values.label);
    const writing = { ...writerOptions(values, signal), labels, threads, level: values.level };
    await withStore(values, async (store) => {
      let parent = diffOf ?? values.parent;
      const checks = {
        format: values.format,
        parent,
        diffOf,
        state,
        isResuming: values['skip-existing'],
        signal,
      };
      await checkPutInputs(store, operands, names, checks);
      for (const [i, path] of operands.entries()) {
        const name = names[i]!;
        const options = { ...writing, name, ...(parent !== undefined && { parent }) };
        const putting = new ImagePut(store, options, values['skip-existing'], values.json);
        let source: FileSource | undefined;
        try {
          source =
            diffOf === undefined
              ? await openPutInput(path, values.format, signal)
              : await openSnapshotDiff(store, path, parent!);
          await putting.put(source, { state, trace });
        } catch (cause) {
          throw afterStored(cause, names, i);
        } finally {
          source?.close();
        }
        parent = name;
      }
    });
  },
});
