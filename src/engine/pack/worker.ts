// A packing worker: packs segments in shared memory and replies with the packed size. Bundled into a string
// at build time, so that a bundle of the package needs no second file.

import { parentPort, workerData } from 'node:worker_threads';
import { createCodecContext } from '../../codec/codec.js';
import { loadZstd } from '../../codec/zstd/load.js';
import { Arena } from '../../kernels/arena.js';
import { SegmentPacker } from './segment-packer.js';
import type { PackReply, PackRequest, WorkerSetup } from './worker-protocol.js';

async function main(): Promise<void> {
  const { module, segmentBytes, zstd, zstdPath } = workerData as WorkerSetup;
  const arena = new Arena();
  const loaded = zstd ? await loadZstd(zstdPath) : undefined;
  const packer = new SegmentPacker(arena, createCodecContext(arena), loaded, segmentBytes);
  await arena.allocate(module);
  parentPort!.on('message', ({ id, input, output, bytes, packing }: PackRequest) => {
    let reply: PackReply;
    try {
      const packed = packer.pack(new Uint8Array(input, 0, bytes), packing);
      if (packed.packing !== 'raw') new Uint8Array(output).set(packed.bytes);
      reply = {
        id,
        packing: packed.packing,
        packedBytes: packed.bytes.length,
        check: packed.check,
        ms: packed.ms,
      };
    } catch (error) {
      reply = { id, error: error instanceof Error ? error.message : String(error) };
    }
    parentPort!.postMessage(reply);
  });
}

// A rejection ends the worker, which the pool reports.
void main();
