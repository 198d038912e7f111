import type { MountReport } from '../../mount/messages.js';
import { type Mount, mount } from '../../mount/mount.js';
import { bytesText } from '../../report/terminal/units.js';
import { defineCommand } from '../command.js';
import { BASE_OPTION } from '../common-options.js';
import { onForcedEnd } from '../signals.js';
import { printErrorLine, printOut } from '../terminal.js';

/** Longest timer: files that are open are served until they are closed, or a second signal comes. */
const NO_LIMIT_MS = 2 ** 31 - 1;

export const command = defineCommand({
  name: 'mount',
  summary: 'mount packed images as files, decoded as they are read',
  operands: { label: 'STREAM|IMAGE PATH', min: 2, max: 2 },
  options: {
    base: BASE_OPTION,
    json: { help: 'report as JSON objects, one when it is mounted and one when it has ended' },
  },
  details: [
    'PATH is a directory, which gets every image as NAME.raw, or a file, over which one image is mounted. Files are read-only; a page is decoded when it is first read, and stays in the page cache.',
    'The command serves the mount until it is unmounted (umount PATH) or stopped (Ctrl-C, SIGTERM). Files that are open then are served until they are closed; a second signal ends that too. Mounting needs root and /dev/fuse.',
  ],
  stopMs: NO_LIMIT_MS,
  async run({ values, operands, signal }) {
    const [specification, path] = operands as [string, string];
    const { base: bases, json } = values;
    const mounted = await mount(specification, path, {
      bases,
      onLog: (line) => printErrorLine(`mount: ${line}`),
    });
    const withdraw = onForcedEnd(() => mounted.abort());
    try {
      const { path: mountPath, images } = mounted;
      printOut(json ? jsonLine({ path: mountPath, images }) : mountedText(specification, mounted));
      const onSignal = () => stop(mounted);
      if (signal.aborted) onSignal();
      else signal.addEventListener('abort', onSignal, { once: true });
      const report = await mounted.ended;
      printOut(json ? jsonLine(report) : endedText(mounted.path, report));
    } finally {
      withdraw();
    }
  },
});

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

function mountedText(specification: string, { path, isDirectory, images }: Mount): string {
  if (!isDirectory) return `mounted ${specification} over ${path}: ${bytesText(images[0]!.bytes)}\n`;
  const files = images.map(({ name, bytes }) => `  ${name}.raw  ${bytesText(bytes)}\n`);
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
