// The thread that fetches bytes of a file on a web server for a thread that blocks.
import { workerData } from 'node:worker_threads';
import { PageferryError } from '../../page/error.js';
import type { FetcherSetup, FetchReply, FetchRequest } from './blocking-file.js';
import { openHttpFile } from './http-file.js';

const { url, replied, port } = workerData as FetcherSetup;
const opening = openHttpFile(url);
opening.catch(() => {}); // the first request reports it

async function answer({ position, bytes }: FetchRequest): Promise<FetchReply> {
  try {
    const file = await opening;
    if (bytes === 0) return { kind: 'opened', name: file.name, bytes: file.bytes };
    return { kind: 'bytes', bytes: await file.fetch(position, bytes) };
  } catch (error) {
    const { message } = error as Error;
    return { kind: 'failed', code: error instanceof PageferryError ? error.code : 'io', message };
  }
}

port.on('message', async (request: FetchRequest) => {
  const reply = await answer(request);
  port.postMessage(reply, reply.kind === 'bytes' ? [reply.bytes.buffer as ArrayBuffer] : []);
  Atomics.store(replied, 0, 1);
  Atomics.notify(replied, 0);
});
