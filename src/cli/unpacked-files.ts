import type { OpenSink } from '../engine/decode/decoded-images.js';
import type { ReadableContainer } from '../engine/page-reader/page-reader.js';
import { createContainerSink } from '../image/container/container-sink.js';
import { parseContainer } from '../image/container/description.js';
import { IMAGE_FORMATS } from '../image/formats.js';
import { createScratchSink } from '../image/fs/scratch-sink.js';
import type { PageSink } from '../page/source.js';

/** How the file of an image is created. */
type OpenFile = (options: { readonly extension: string; readonly isUnordered: boolean }) => PageSink;

/** Create a sink that rebuilds the file of an image with a container. @throws PageferryError `bad-stream` */
export function openContainedFile(container: ReadableContainer, open: OpenFile): PageSink {
  const parsed = parseContainer(container);
  const format = IMAGE_FORMATS.find(({ name }) => name === parsed.format);
  const file = open({ extension: format?.extension ?? 'bin', isUnordered: true });
  return createContainerSink(file, parsed, container);
}

/** Rebuilds files while a stream is decoded: a container comes before its image. */
export class UnpackedFiles {
  private readonly containers = new Map<
    number,
    { readonly sink: PageSink; readonly name: string; end: number }
  >();

  /** Create the sink of a container. */
  readonly openContainer: OpenSink = ({ name }, number) => {
    const sink = createScratchSink();
    const kept = { sink, name, end: 0 };
    this.containers.set(number, kept);
    const grow = (end: number) => {
      kept.end = Math.max(kept.end, end);
    };
    return {
      ...sink,
      write(bytes, position) {
        grow(position + bytes.length);
        sink.write(bytes, position);
      },
      zero(position, bytes) {
        grow(position + bytes);
        sink.zero(position, bytes);
      },
      finish() {}, // the image's sink, which is finished later, reads from it
    };
  };

  /** Create the sink of an image's file, or that of its memory if it has no container. */
  open(number: number, openMemory: () => PageSink, openFile: OpenFile): PageSink {
    const kept = this.containers.get(number);
    if (!kept) return openMemory();
    this.containers.delete(number);
    const { sink, name, end } = kept;
    const file = openContainedFile({ name, bytes: end, readAt: sink.readAt }, openFile);
    return {
      ...file,
      async finish(bytes) {
        await file.finish(bytes);
        sink.abort();
      },
    };
  }
}
