import { createAtomicWriter } from '../../image/fs/atomic-file.js';
import { isHttpUrl } from '../../image/http/http-file.js';
import { mountedName } from '../../mount/image-names.js';
import type { MountReport } from '../../mount/messages.js';
import { type Mount, mount } from '../../mount/mount.js';
import { readSpecification } from '../../mount/specification.js';
import { bytesText } from '../../report/terminal/units.js';
import { openStore } from '../../store/store.js';
import { storedTrace } from '../../store/stored-trace.js';
import { readTrace, type Trace, traceText } from '../../store/trace.js';
import { defineCommand } from '../command.js';
import { BASE_OPTION } from '../common-options.js';
import { servedKeyFile } from '../served-key-file.js';
import { onForcedEnd } from '../signals.js';
import { KEY_FILE_OPTION, keyFileOf } from '../store/options.js';
import { printErrorLine, printOut } from '../terminal.js';
import { fileName } from '../values.js';

/** Longest timer: files that are open are served until they are closed, or a second signal comes. */
const NO_LIMIT_MS = 2 ** 31 - 1;

export const command = defineCommand({
  name: 'mount',
  summary: 'mount packed images as files, decoded as they are read',
  operands: { label: 'STORE[:NAME]|STREAM|IMAGE PATH', min: 2, max: 2 },
  options: {
    base: BASE_OPTION,
    'key-file': KEY_FILE_OPTION,
    record: {
      value: 'TRACE',
      help: 'trace file to write: the pages that are read, in order; disables read-ahead',
      parse: fileName,
    },
    prefetch: {
      value: 'TRACE',
      help: 'trace whose pages are read ahead, in its order',
      parse: fileName,
      defaultText: 'of STORE:NAME, the trace stored by store put --trace',
    },
    'no-prefetch': { help: 'do not read the pages of a stored trace ahead' },
    'write-open': {
      help: 'allow opening files for writing, as QEMU before 8.2 does to map them privately; writes fail',
    },
    json: { help: 'report as JSON objects, one after mounting and one at the end' },
  },
  details: [
    'PATH is a directory, which gets every image as NAME.raw, or a file, over which one image is mounted. Files are read-only; a page is decoded when it is first read, and stays in the page cache.',
    'The command serves the mount until it is unmounted (umount PATH) or stopped (Ctrl-C, SIGTERM). Files that are open then are served until they are closed; a second signal ends that too. Mounting needs root and /dev/fuse.',
  ],
  stopMs: NO_LIMIT_MS,
  async run({ values, operands, signal }) {
    const [specification, path] = operands as [string, string];
    const { base: bases, record, json } = values;
    const prefetch =
      values.prefetch === undefined
        ? await storedPrefetch(specification, record === undefined && !values['no-prefetch'], values)
        : readTrace(values.prefetch);
    const recorded = record === undefined ? undefined : createAtomicWriter(record);
    try {
      const mounted = await mount(specification, path, {
        bases,
        ...servedKeyFile(specification, values),
        allowsWriteOpen: values['write-open'],
        isRecording: recorded !== undefined,
        ...(prefetch && { prefetch }),
        onLog: (line) => printErrorLine(`mount: ${line}`),
      });
      const { path: mountPath } = mounted;
      printOut(json ? jsonLine(mountedJson(mounted)) : mountedText(specification, mounted));
      if (prefetch) reportPrefetch(mounted, json);
      const { trace, ...report } = await untilEnded(mounted, signal);
      if (recorded) {
        await recorded.write(new TextEncoder().encode(traceText(trace!)));
        await recorded.commit();
      }
      printOut(json ? jsonLine(report) : endedText(mountPath, report));
    } catch (error) {
      recorded?.abort();
      throw error;
    }
  },
});

/** Return the trace that a store keeps beside the mounted snapshot. One that cannot be used is reported. */
async function storedPrefetch(
  specification: string,
  isWanted: boolean,
  values: Parameters<typeof keyFileOf>[0],
): Promise<Trace | undefined> {
  const what = isHttpUrl(specification) ? undefined : readSpecification(specification);
  if (!isWanted || what?.kind !== 'store' || what.snapshot === undefined) return undefined;
  const store = await openStore(what.dir, keyFileOf(values));
  try {
    return await storedTrace(store, what.snapshot);
  } catch (error) {
    printErrorLine(`mount: note: nothing is prefetched: ${(error as Error).message}`);
    return undefined;
  } finally {
    await store.close();
  }
}

/** Serve until the mount is detached by others, or by a signal. */
async function untilEnded(mounted: Mount, signal: AbortSignal): Promise<MountReport> {
  const withdraw = onForcedEnd(() => mounted.abort());
  try {
    const onSignal = () => stop(mounted);
    if (signal.aborted) onSignal();
    else signal.addEventListener('abort', onSignal, { once: true });
    return await mounted.ended;
  } finally {
    withdraw();
  }
}

/** A page that cannot be prefetched is not one that is needed: the mount goes on. */
function reportPrefetch({ prefetched }: Mount, json: boolean): void {
  prefetched.then(
    (bytes) => printOut(json ? jsonLine({ prefetchedBytes: bytes }) : `prefetched ${bytesText(bytes)}\n`),
    (error: Error) => printErrorLine(`mount: prefetch ended: ${error.message}`),
  );
}

function stop(mounted: Mount): void {
  try {
    mounted.unmount();
  } catch (error) {
    printErrorLine(`mount: ${(error as Error).message}; a signal again ends the program`);
  }
}

function jsonLine(value: object): string {
  return `${JSON.stringify(value)}\n`;
}

function mountedJson({ path, isDirectory, images }: Mount): object {
  return { path, images: images.map((one) => (isDirectory ? { ...one, file: mountedName(one.name) } : one)) };
}

function mountedText(specification: string, { path, isDirectory, images }: Mount): string {
  if (!isDirectory) return `mounted ${specification} over ${path}: ${bytesText(images[0]!.bytes)}\n`;
  const files = images.map(({ name, bytes }) => `  ${mountedName(name)}  ${bytesText(bytes)}\n`);
  return `mounted ${specification} in ${path}: ${images.length} ${images.length === 1 ? 'file' : 'files'}\n${files.join('')}`;
}

function endedText(path: string, { bytesRead, failedReads, packedBytes, decodedBytes }: MountReport): string {
  const work =
    packedBytes === undefined
      ? ''
      : ` (${bytesText(packedBytes)} packed, ${bytesText(decodedBytes!)} decoded)`;
  const failed = failedReads === 0 ? '' : `, ${failedReads} reads failed`;
  return `unmounted ${path}: ${bytesText(bytesRead)} read${work}${failed}\n`;
}
