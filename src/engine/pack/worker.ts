// A packing worker: gets segments in shared memory, packs them, says how long the result is. Bundled into a string at build time,
// so that it needs no file of its own beside a bundle.

import { parentPort, workerData } from 'node:worker_threads';
import { createCodecContext } from '../../codec/codec.js';
import { loadZstd } from '../../codec/zstd/load.js';
import { loadKernels } from '../../kernels/kernels.js';
import { packerBytes, SegmentPacker } from './segment-packer.js';
import type { PackReply, PackRequest, WorkerSetup } from './worker-protocol.js';

async function main(): Promise<void> {
  const { module, segmentBytes, zstd, zstdPath } = workerData as WorkerSetup;
  const kernels = await loadKernels(packerBytes(segmentBytes), module);
  const packer = new SegmentPacker(
    createCodecContext(kernels),
    zstd ? await loadZstd(zstdPath) : undefined,
    segmentBytes,
  );
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

// A rejection ends the worker, and the pool hears of it.
void main();
