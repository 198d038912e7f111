import { traceImages } from '../../image/directory.js';
import { openImage } from '../../image/formats.js';
import { PageferryError } from '../../page/error.js';
import type { PageSource } from '../../page/source.js';
import { traceGuest } from '../../simulate/guest/trace.js';
import { wasmProgramGuest } from '../../simulate/guest/wasm-program.js';
import type { GuestSpec } from '../../simulate/guest.js';
import { parseGuestSpec } from '../../simulate/guest-spec.js';
import { UsageError } from '../usage.js';
import type { SimulateOptions } from './options.js';

const PAGE_BYTES = 4096;
const DEFAULT_GUEST = 'write-heavy';
/** Not played: a program that runs in this process. */
const LIVE = 'wasm';

/** The guest that was asked for, and the files that it is played from. */
export interface OpenGuest {
  readonly spec: GuestSpec;
  readonly files: readonly string[];
  close(): void;
}

/** @throws UsageError for a SPEC that is none, PageferryError for a trace that cannot be played */
export function openGuest({ trace, guest, comesBack }: SimulateOptions): OpenGuest {
  if (trace !== undefined) return openTrace(trace, comesBack);
  if (guest === LIVE) return { spec: wasmProgramGuest(LIVE), files: [], close: () => {} };
  try {
    return { spec: parseGuestSpec(guest ?? DEFAULT_GUEST), files: [], close: () => {} };
  } catch (error) {
    if (error instanceof PageferryError && error.code === 'bad-argument')
      throw new UsageError(`--guest: ${error.message}`);
    throw error;
  }
}

function openTrace(folder: string, comesBack: boolean): OpenGuest {
  const files = traceImages(folder);
  const opened: PageSource[] = [];
  const close = () => {
    for (const source of opened) source.close?.();
  };
  try {
    for (const file of files) opened.push(openImage(file));
    checkSnapshots(files, opened);
    if (comesBack && files.length < 2)
      throw new PageferryError(
        'bad-image',
        `${folder}: --comes-back needs two snapshots: what was kept, and what it has become`,
      );
    return { spec: traceGuest(folder, opened, { comesBack }), files, close };
  } catch (error) {
    close();
    throw error;
  }
}

function checkSnapshots(files: readonly string[], snapshots: readonly PageSource[]): void {
  const [first] = snapshots;
  for (const [i, { bytes, readAt }] of snapshots.entries()) {
    const file = files[i]!;
    if (!readAt || bytes === undefined)
      throw new PageferryError(
        'io',
        `${file}: can be read only once, and is to be read many times: expected a file`,
      );
    if (bytes === 0 || bytes % PAGE_BYTES !== 0)
      throw new PageferryError('bad-image', `${file}: ${bytes} bytes: expected whole pages of ${PAGE_BYTES}`);
    if (bytes !== first!.bytes)
      throw new PageferryError(
        'bad-image',
        `${file}: ${bytes} bytes, but ${files[0]} has ${first!.bytes}: expected snapshots of one guest`,
      );
  }
}
