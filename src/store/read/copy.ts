import { abortQuietly } from '../../page/checked-sink.js';
import type { PageSink } from '../../page/source.js';
import { createYielder, throwIfAborted } from '../../page/sync.js';
import { damageIn } from '../errors.js';
import type { GetOptions } from '../options.js';
import type { SnapshotInfo } from '../snapshot-info.js';
import type { StoreContext } from '../store-context.js';
import { type OpenSnapshots, openSnapshots, type SnapshotImage } from './snapshot.js';

/** Most bytes of one read and write. */
const COPY_BYTES = 1 << 20;

/** Write a snapshot's bytes to a sink, and finish it. @throws PageferryError; the reason of the signal */
export async function getSnapshot(
  store: StoreContext,
  name: string,
  sink: PageSink,
  options: GetOptions,
): Promise<SnapshotInfo> {
  let open: OpenSnapshots | undefined;
  try {
    open = await openSnapshots(store, [name]);
    return await copySnapshot(open.images[0]!, sink, options);
  } catch (cause) {
    abortQuietly(sink);
    throw damageIn(store.dir, `${store.dir}: snapshot ${name}`, cause);
  } finally {
    open?.close();
  }
}

async function copySnapshot(
  image: SnapshotImage,
  sink: PageSink,
  { signal, onProgress }: GetOptions,
): Promise<SnapshotInfo> {
  const buffer = new Uint8Array(COPY_BYTES);
  const yieldIfDue = createYielder();
  for (let position = 0; position < image.bytes; ) {
    const { bytes, zero } = image.run(position, COPY_BYTES);
    if (zero) sink.zero(position, bytes);
    else {
      const part = buffer.subarray(0, bytes);
      image.read(part, position);
      sink.write(part, position);
    }
    position += bytes;
    onProgress?.(position);
    await yieldIfDue();
    throwIfAborted(signal);
  }
  await sink.finish(image.bytes);
  return image.info;
}
