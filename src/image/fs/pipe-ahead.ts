import fs from 'node:fs';
import { Worker } from 'node:worker_threads';
import { ioError } from './errno.js';

/** What is read ahead. */
const RING_BYTES = 8 << 20;
/** Cells of the shared state: bytes written and taken (modulo 2^32), whether the end was met, whether to stop, and what happened so far. */
const CELLS = { written: 0, taken: 1, ended: 2, stop: 3, events: 4 } as const;
const STATE_BYTES = 64;

/**
 * The thread that reads. It never blocks in a read, so that it can be stopped at any time: the pipe is opened once more, without
 * blocking, and asked again after a moment when it is empty.
 */
const READER = `
const { workerData: { fd, shared, cells: C, ringBytes }, parentPort } = require('node:worker_threads');
const fs = require('node:fs');
const state = new Int32Array(shared, 0, 5);
const ring = new Uint8Array(shared, ${STATE_BYTES}, ringBytes);
const tell = () => { Atomics.add(state, C.events, 1); Atomics.notify(state, C.events); };
let written = 0;
while (Atomics.load(state, C.stop) === 0) {
  const taken = Atomics.load(state, C.taken) >>> 0;
  const free = ringBytes - ((written - taken) >>> 0);
  if (free === 0) { Atomics.wait(state, C.taken, taken | 0, 50); continue; }
  const at = written % ringBytes;
  let bytes;
  try {
    bytes = fs.readSync(fd, ring, at, Math.min(free, ringBytes - at, 1 << 20), null);
  } catch (error) {
    if (error.code === 'EAGAIN') { Atomics.wait(state, C.stop, 0, 0.3); continue; }
    parentPort.postMessage({ message: error.message, code: error.code });
    break;
  }
  if (bytes === 0) break;
  written = (written + bytes) >>> 0;
  Atomics.store(state, C.written, written | 0);
  tell();
}
Atomics.store(state, C.ended, 1);
tell();
`;

/** ES2024's, which all supported versions of Node have; the compiler's library is older. */
const { waitAsync } = Atomics as unknown as {
  waitAsync(state: Int32Array, cell: number, value: number): { value: 'not-equal' | Promise<'ok'> };
};

/** Reads a pipe ahead, on a thread of its own. */
export interface PipeAhead {
  /** Fills `into` or goes as far as the bytes go. @throws PageferryError `io` */
  read(into: Uint8Array): Promise<number>;
  close(): void;
}

/**
 * Reads the pipe behind `fd` ahead, so that its writer goes on while this thread works: a pipe holds 64 KiB, and whoever empties
 * it must come by that often. Undefined where `fd` is no pipe, or the system has no way to open it once more (Linux has).
 */
export function openPipeAhead(fd: number, name: string): PipeAhead | undefined {
  const again = openAgain(fd);
  if (again === undefined) return undefined;
  const shared = new SharedArrayBuffer(STATE_BYTES + RING_BYTES);
  const state = new Int32Array(shared, 0, 5);
  const ring = new Uint8Array(shared, STATE_BYTES);
  const worker = new Worker(READER, {
    eval: true,
    workerData: { fd: again, shared, cells: CELLS, ringBytes: RING_BYTES },
  });
  let failure: unknown;
  const failed = (cause: unknown) => {
    failure ??= ioError(name, 'cannot read', cause);
    Atomics.store(state, CELLS.ended, 1);
    Atomics.add(state, CELLS.events, 1);
    Atomics.notify(state, CELLS.events);
  };
  worker.on('message', failed);
  worker.on('error', failed);
  const gone = new Promise<void>((resolve) => worker.on('exit', () => resolve()));
  gone.then(() => fs.closeSync(again));
  let taken = 0;
  return {
    async read(into) {
      let done = 0;
      while (done < into.length) {
        // Whatever happens after this is seen below, or ends the wait at once.
        const events = Atomics.load(state, CELLS.events);
        const ended = Atomics.load(state, CELLS.ended) === 1;
        const waiting = ((Atomics.load(state, CELLS.written) >>> 0) - taken) >>> 0;
        if (waiting === 0 && !ended) {
          await waitAsync(state, CELLS.events, events).value;
          continue;
        }
        if (waiting === 0) {
          // An error is told by a message, which comes before the thread's end.
          await gone;
          if (failure !== undefined) throw failure;
          break;
        }
        const at = taken % RING_BYTES;
        const bytes = Math.min(waiting, into.length - done, RING_BYTES - at);
        into.set(ring.subarray(at, at + bytes), done);
        done += bytes;
        taken = (taken + bytes) >>> 0;
        Atomics.store(state, CELLS.taken, taken | 0);
        Atomics.notify(state, CELLS.taken);
      }
      return done;
    },
    close() {
      Atomics.store(state, CELLS.stop, 1);
      Atomics.notify(state, CELLS.stop);
      Atomics.notify(state, CELLS.taken);
    },
  };
}

function openAgain(fd: number): number | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    if (!fs.fstatSync(fd).isFIFO()) return undefined;
    return fs.openSync(`/proc/self/fd/${fd}`, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
}
