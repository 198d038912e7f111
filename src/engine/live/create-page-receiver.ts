import { createCodecContext } from '../../codec/codec.js';
import { loadZstd } from '../../codec/zstd/load.js';
import { FrameDecoder, packedLimit } from '../frame/frame-decoder.js';
import { kernelsWithin } from '../options.js';
import { LiveReceiver } from './live-receiver.js';
import type { PageReceiver, PageReceiverOptions } from './page-receiver.js';

/** Makes a receiver. */
export async function createPageReceiver(options: PageReceiverOptions): Promise<PageReceiver> {
  const { maxFrameBytes = 32 << 20 } = options;
  const memoryBytes = 2 * packedLimit(maxFrameBytes) + (options.cacheBytes ?? 0) + (4 << 20);
  const kernels = await kernelsWithin(memoryBytes, 'maxFrameBytes and cacheBytes');
  const codec = createCodecContext(kernels);
  const data = kernels.reserve(packedLimit(maxFrameBytes), 'frame data');
  const frames = new FrameDecoder(codec, await loadZstd(), maxFrameBytes);
  return new LiveReceiver(options, codec, frames, data, maxFrameBytes);
}
