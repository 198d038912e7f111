// The serving thread of a mount. It opens the images and reports them, receives the device once it is
// mounted, and then serves it, blocking, until the mount has ended.
import { parentPort, workerData } from 'node:worker_threads';
import { asIoError } from '../image/fs/errno.js';
import { PageferryError } from '../page/error.js';
import { TraceRecorder } from '../store/trace.js';
import { FailureLog } from './failure-log.js';
import { serveDevice } from './fuse/device.js';
import { Nodes } from './fuse/nodes.js';
import { REQUEST_BYTES } from './fuse/protocol.js';
import { FuseSession } from './fuse/session.js';
import { mountedName } from './image-names.js';
import type { MountMessage, WorkerRequest, WorkerSetup } from './messages.js';
import { openServed } from './open-served.js';
import type { ServedImage } from './served-image.js';

/** Bytes that the kernel reads ahead, if its own limit (read_ahead_kb of the mount) allows it. */
const MAX_READAHEAD = 1 << 20;

const SHARED_WRITE =
  'a program has written to a file, which failed; what it changed through a shared mapping is lost: map privately (share=off)';

const port = parentPort!;
const { specification, bases, keyFile } = workerData as WorkerSetup;

function post(message: MountMessage): void {
  port.postMessage(message);
}

async function main(): Promise<void> {
  const served = await openServed(specification, { bases, keyFile });
  const { images } = served;
  post({ kind: 'opened', images: images.map(({ name, bytes }) => ({ name, bytes })) });
  const request = await new Promise<WorkerRequest>((resolve) => port.once('message', resolve));
  const { device, isDirectory, attributes, isRecording, allowsWriteOpen, chosen } = request;
  const shown = chosen === undefined ? images : [images[chosen]!];
  const buffer = new Uint8Array(REQUEST_BYTES);
  const fileName = ({ name }: ServedImage) => (isDirectory ? mountedName(name) : name);
  const log = (line: string) => post({ kind: 'log', line });
  const failures = new FailureLog(log);
  const recorder = isRecording ? new TraceRecorder(shown) : undefined;
  let bytesRead = 0;
  let failedReads = 0;
  let hasWritten = false;
  const session = new FuseSession(new Nodes(shown, isDirectory, attributes), buffer, {
    // A recorded trace has the pages that were needed, without those that the kernel reads ahead.
    maxReadahead: isRecording ? 0 : MAX_READAHEAD,
    allowsWriteOpen,
    onDamage(image, offset, error) {
      failedReads++;
      const cause = error instanceof Error ? error.message : String(error);
      failures.add(`${fileName(image)}: reading at byte ${offset} failed (EIO): ${cause}`, cause);
    },
    onWrite() {
      if (!hasWritten) log(SHARED_WRITE);
      hasWritten = true;
    },
    onRead: (image, offset, bytes) => {
      bytesRead += bytes;
      recorder?.add(image, offset, bytes);
    },
  });
  serveDevice(device, buffer, session);
  const trace = recorder?.finish();
  const report = { bytesRead, failedReads, ...served.counters?.(), ...(trace && { trace }) };
  post({ kind: 'ended', report });
  served.close();
}

main().catch((error: unknown) => {
  const { code, message } =
    error instanceof PageferryError ? error : asIoError(specification, 'cannot serve', error);
  post({ kind: 'failed', code, message });
});
