import { alignSnapshots } from '../../image/aligned-snapshots.js';
import type { FileSource } from '../../image/image-file.js';
import { traceImages } from '../../image/trace-folder.js';
import { PageferryError } from '../../page/error.js';
import type { PageSource } from '../../page/source.js';
import { traceGuest } from '../../simulate/guest/trace.js';
import { wasmProgramGuest } from '../../simulate/guest/wasm-program.js';
import type { GuestSpec } from '../../simulate/guest.js';
import { parseGuestSpec } from '../../simulate/guest-spec.js';
import { openInput } from '../open-input.js';
import { UsageError } from '../usage-error.js';
import { warnSkipped } from '../workloads.js';
import type { SimulateOptions } from './options.js';

const PAGE_BYTES = 4096;
const DEFAULT_GUEST = 'write-heavy';
/** A WebAssembly program that runs in this process. */
const WASM_GUEST = 'wasm';

/** A guest to simulate, and the files that it is read from. */
export interface OpenGuest {
  readonly spec: GuestSpec;
  readonly files: readonly string[];
  close(): void;
}

/** @throws UsageError for a SPEC that is wrong, PageferryError for a trace that cannot be read */
export async function openGuest(options: SimulateOptions, signal: AbortSignal): Promise<OpenGuest> {
  const { trace, guest } = options;
  if (trace !== undefined) return await openTrace(trace, options, signal);
  if (guest === WASM_GUEST) return { spec: wasmProgramGuest(WASM_GUEST), files: [], close: () => {} };
  try {
    return { spec: parseGuestSpec(guest ?? DEFAULT_GUEST), files: [], close: () => {} };
  } catch (error) {
    if (error instanceof PageferryError && error.code === 'bad-argument')
      throw new UsageError(`--guest: ${withWasm(error.message)}`);
    throw error;
  }
}

/** The list of guests in a message of the library, with the one that only the command line has. */
function withWasm(message: string): string {
  return message.startsWith('unknown guest ') ? `${message}, ${WASM_GUEST}` : message;
}

async function openTrace(
  folder: string,
  { format, 'return-visit': returnVisit }: SimulateOptions,
  signal: AbortSignal,
): Promise<OpenGuest> {
  const files = traceImages(folder, { onSkip: warnSkipped(folder) });
  const opened: FileSource[] = [];
  const close = () => {
    for (const source of opened) source.close?.();
  };
  try {
    for (const file of files) opened.push(await openInput(file, format, signal));
    const snapshots = alignSnapshots(opened);
    checkSnapshots(files, snapshots);
    if (returnVisit && files.length < 2)
      throw new PageferryError(
        'bad-image',
        `${folder}: --return-visit needs two snapshots: at the first visit, and now`,
      );
    return { spec: traceGuest(folder, snapshots, { isReturnVisit: returnVisit }), files, close };
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
      throw new PageferryError('io', `${file}: can be read only once; a trace needs regular files`);
    if (bytes === 0 || bytes % PAGE_BYTES !== 0)
      throw new PageferryError('bad-image', `${file}: ${bytes} bytes: expected whole pages of ${PAGE_BYTES}`);
    if (bytes !== first!.bytes)
      throw new PageferryError(
        'bad-image',
        `${file}: ${bytes} bytes, but ${files[0]} has ${first!.bytes}: expected snapshots of one guest; sizes may differ if all have addresses (cores, dumps, CRIU's images)`,
      );
  }
}
