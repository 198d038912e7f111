import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { type ErrorCode, PageferryError } from '../../page/error.js';
import type { HttpFile } from './http-file.js';

/** Built beside this module. */
const WORKER = new URL('./http-worker.js', import.meta.url);
/** A request may be repeated, each time up to its own limit; then the thread must have failed. */
const MAX_WAIT_MS = 300_000;

/** Options of the thread that fetches. */
export interface FetcherSetup {
  readonly url: string;
  /** The number at index 0 becomes 1 when a reply was posted. */
  readonly replied: Int32Array;
  readonly port: MessagePort;
}

/** Asks for bytes of the file; with 0 bytes, for its name and size. */
export interface FetchRequest {
  readonly position: number;
  readonly bytes: number;
}

/** The answer to a request. */
export type FetchReply =
  | { readonly kind: 'opened'; readonly name: string; readonly bytes: number }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string };

/** A file on a web server whose bytes can also be waited for without an event loop. */
export interface BlockingHttpFile extends HttpFile {
  /** As `fetch`; blocks the thread until the bytes are there. */
  fetchSync(position: number, bytes: number): Uint8Array;
}

/**
 * Open a file on a web server for a thread that blocks, such as one that serves a mount: another thread makes
 * the requests. @throws PageferryError as `openHttpFile` does
 */
export function openBlockingHttpFile(url: string): BlockingHttpFile {
  const { port1: port, port2 } = new MessageChannel();
  const replied = new Int32Array(new SharedArrayBuffer(4));
  const workerData: FetcherSetup = { url, replied, port: port2 };
  const worker = new Worker(WORKER, { workerData, transferList: [port2] });
  // Its failures reach the caller as a missing reply.
  worker.on('error', () => {});
  // A program that has nothing else to do ends.
  worker.unref();
  const ask = (request: FetchRequest): FetchReply => {
    Atomics.store(replied, 0, 0);
    port.postMessage(request);
    Atomics.wait(replied, 0, 0, MAX_WAIT_MS);
    const reply = receiveMessageOnPort(port)?.message as FetchReply | undefined;
    if (!reply) throw new PageferryError('io', `${url}: the thread that fetches it did not answer`);
    if (reply.kind === 'failed') throw new PageferryError(reply.code, reply.message);
    return reply;
  };
  const close = () => {
    port.close();
    void worker.terminate();
  };
  try {
    const opened = ask({ position: 0, bytes: 0 });
    if (opened.kind !== 'opened') throw new Error('the first reply is not about the file');
    const fetchSync = (position: number, bytes: number) => {
      const reply = ask({ position, bytes });
      if (reply.kind !== 'bytes') throw new Error('a reply without bytes');
      return reply.bytes;
    };
    const { name, bytes } = opened;
    return { name, bytes, fetchSync, fetch: async (position, count) => fetchSync(position, count), close };
  } catch (error) {
    close();
    throw error;
  }
}
