import fs from 'node:fs';
import { Worker } from 'node:worker_threads';
import { badArgument } from '../../page/error.js';
import { OWN_OUTPUT } from '../../page/node-hooks.js';
import { ioError } from './errno.js';

/** Capacity of the read-ahead ring. */
const RING_BYTES = 8 << 20;
/**
 * Words shared by the thread and the reader: bytes written to and taken from the ring (modulo 2^32), 1 once
 * the pipe has ended, 1 to stop. `events` counts events of the thread, `requests` those of the reader; each
 * side waits for the other's counter to change, so that no wake-up is lost.
 */
const CELLS = { written: 0, taken: 1, ended: 2, stop: 3, events: 4, requests: 5 } as const;
const STATE_BYTES = 64;

/** Script of the thread that reads the pipe on its event loop. It blocks only while the ring is full. */
const THREAD = `
const { workerData: { fd, shared, cells: C, ringBytes }, parentPort } = require('node:worker_threads');
const net = require('node:net');
const state = new Int32Array(shared, 0, 6);
const ring = new Uint8Array(shared, ${STATE_BYTES}, ringBytes);
const notify = () => { Atomics.add(state, C.events, 1); Atomics.notify(state, C.events); };
let written = 0;
const store = (bytes, chunk) => {
  for (let done = 0; done < bytes; ) {
    const requests = Atomics.load(state, C.requests);
    if (Atomics.load(state, C.stop) === 1) return false;
    const free = ringBytes - ((written - (Atomics.load(state, C.taken) >>> 0)) >>> 0);
    if (free === 0) { Atomics.wait(state, C.requests, requests); continue; }
    const at = written % ringBytes;
    const copied = Math.min(bytes - done, free, ringBytes - at);
    ring.set(chunk.subarray(done, done + copied), at);
    done += copied;
    written = (written + copied) >>> 0;
    Atomics.store(state, C.written, written | 0);
    notify();
  }
  return true;
};
const onread = { buffer: new Uint8Array(1 << 16), callback: store };
const socket = new net.Socket({ fd, readable: true, writable: false, onread });
const end = () => { Atomics.store(state, C.ended, 1); notify(); socket.destroy(); parentPort.close(); };
socket.on('error', (error) => { parentPort.postMessage({ message: error.message, code: error.code }); end(); });
socket.on('end', end);
socket.on('close', end);
parentPort.on('message', end);
socket.resume();
`;

/** `Atomics.waitAsync` of ES2024: every supported version of Node has it, the compiler's library does not. */
const { waitAsync } = Atomics as unknown as {
  waitAsync(state: Int32Array, cell: number, value: number): { value: 'not-equal' | Promise<'ok'> };
};

/** A pipe that a separate thread reads ahead. */
export interface PipeReader {
  /** Fill `into`; return the number of bytes, fewer only at the pipe's end. @throws PageferryError `io` */
  read(into: Uint8Array): Promise<number>;
  /** Stop reading; a pending `read` rejects. */
  close(): void;
}

/**
 * Read the pipe of descriptor `fd` ahead, so that its writer is not blocked while the calling thread works: a
 * pipe buffers only 64 KiB. Returns undefined if `fd` is not a pipe or cannot be opened again (which needs
 * Linux).
 */
export function openPipeReader(fd: number, name: string): PipeReader | undefined {
  const own = openAgain(fd);
  if (own === undefined) return undefined;
  try {
    return startReader(own, name);
  } catch (cause) {
    fs.closeSync(own);
    throw ioError(name, 'cannot read ahead', cause);
  }
}

/** Start the thread, which owns the descriptor `own`. */
function startReader(own: number, name: string): PipeReader {
  const shared = new SharedArrayBuffer(STATE_BYTES + RING_BYTES);
  const state = new Int32Array(shared, 0, 6);
  const ring = new Uint8Array(shared, STATE_BYTES);
  const workerData = { fd: own, shared, cells: CELLS, ringBytes: RING_BYTES };
  const worker = new Worker(THREAD, { ...OWN_OUTPUT, eval: true, workerData });
  let failure: unknown;
  let taken = 0;
  const setEnded = () => {
    Atomics.store(state, CELLS.ended, 1);
    Atomics.add(state, CELLS.events, 1);
    Atomics.notify(state, CELLS.events);
  };
  const onFailure = (cause: unknown) => {
    failure ??= ioError(name, 'cannot read', cause);
    setEnded();
  };
  worker.on('message', onFailure);
  worker.on('error', onFailure);
  const exited = new Promise<void>((resolve) => worker.on('exit', () => resolve()));
  return {
    async read(into) {
      let done = 0;
      while (done < into.length) {
        const events = Atomics.load(state, CELLS.events);
        const hasEnded = Atomics.load(state, CELLS.ended) === 1;
        const available = ((Atomics.load(state, CELLS.written) >>> 0) - taken) >>> 0;
        if (Atomics.load(state, CELLS.stop) === 1) throw badArgument(`${name}: used after close`);
        if (available === 0 && !hasEnded) {
          await waitAsync(state, CELLS.events, events).value;
          continue;
        }
        if (available === 0) {
          // An error message arrives before the exit of the thread.
          await exited;
          if (failure !== undefined) throw failure;
          break;
        }
        const at = taken % RING_BYTES;
        const bytes = Math.min(available, into.length - done, RING_BYTES - at);
        into.set(ring.subarray(at, at + bytes), done);
        done += bytes;
        taken = (taken + bytes) >>> 0;
        Atomics.store(state, CELLS.taken, taken | 0);
        wakeThread(state);
      }
      return done;
    },
    close() {
      Atomics.store(state, CELLS.stop, 1);
      wakeThread(state);
      setEnded();
      worker.postMessage('stop');
    },
  };
}

/** Wake up the thread, which waits for a request while the ring is full. */
function wakeThread(state: Int32Array): void {
  Atomics.add(state, CELLS.requests, 1);
  Atomics.notify(state, CELLS.requests);
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
