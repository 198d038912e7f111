import { basename } from 'node:path';
import type { OpenSink } from '../engine/decode/decoded-images.js';
import type { ReadableContainer } from '../engine/page-reader/page-reader.js';
import { createContainerSink } from '../image/container/container-sink.js';
import { type Container, parseContainer } from '../image/container/description.js';
import { openOtherBytes } from '../image/container/other-bytes.js';
import { isPlainName, type PlacedMember, readMembers } from '../image/directory/tar.js';
import { DIRECTORY_FORMATS } from '../image/directory-formats.js';
import { IMAGE_FORMATS } from '../image/formats.js';
import { createScratchSink } from '../image/fs/scratch-sink.js';
import type { OutputForm, OutputMemory } from '../image/output-form.js';
import { createSparseSink } from '../image/sparse/sparse-sink.js';
import type { PageSink } from '../page/source.js';

const NO_NOTES = new Uint8Array(0);

/** Creation of the file of an image. */
export type OpenFile = (options: FileShape) => PageSink;

interface FileShape {
  /** Of its name; empty for a directory. */
  readonly extension: string;
  readonly isUnordered: boolean;
  /** The files whose archive it is: a directory is written. */
  readonly members?: readonly PlacedMember[];
  /** The directory's name. */
  readonly directoryName?: string;
}

/**
 * Create a sink that rebuilds the file of an image with a container, or writes its memory in another form.
 * @throws PageferryError `bad-stream`; as `OutputForm.create` does
 */
export function openContainedFile(
  container: ReadableContainer,
  open: OpenFile,
  form?: OutputForm | undefined,
): PageSink {
  const parsed = parseContainer(container);
  if (form) {
    const notes = notesOf(parsed, container);
    return openForm(form, { ...parsed, name: container.name, bytes: parsed.imageBytes, notes }, open);
  }
  const format = IMAGE_FORMATS.find(({ name }) => name === parsed.format);
  if (parsed.isSparse) {
    const file = open({ extension: format?.extension ?? 'raw', isUnordered: false });
    return createSparseSink(file, parsed, container.name);
  }
  const isDirectory = DIRECTORY_FORMATS.some(({ name }) => name === parsed.format);
  const file = open({
    extension: isDirectory ? '' : (format?.extension ?? 'bin'),
    isUnordered: true,
    ...(isDirectory && {
      members: membersOf(parsed, container),
      directoryName: plainBasename(container.name),
    }),
  });
  return createContainerSink(file, parsed, container);
}

/** The notes of the file that was packed. */
function notesOf(container: Container, from: ReadableContainer): Uint8Array {
  const format = IMAGE_FORMATS.find(({ name }) => name === container.format);
  return format?.notes?.(openOtherBytes(container, from)) ?? NO_NOTES;
}

/** The last part of a path, if it can be the name of a directory. */
function plainBasename(path: string): string {
  const name = basename(path);
  return isPlainName(name) ? name : 'images';
}

/** The files of a directory, from the heads of its archive. @throws PageferryError `bad-stream` */
function membersOf(container: Container, from: ReadableContainer): PlacedMember[] {
  return readMembers(openOtherBytes(container, from));
}

/** Create a sink that writes the memory of an image in a form. @throws as `OutputForm.create` does */
export function openForm(
  form: OutputForm,
  memory: Pick<OutputMemory, 'name'> & Partial<OutputMemory>,
  open: OpenFile,
): PageSink {
  const {
    name,
    ranges = [],
    addressing = 'physical',
    machine = 0,
    format = 'raw',
    bytes,
    notes = NO_NOTES,
  } = memory;
  const file = open({ extension: form.extension, isUnordered: true });
  try {
    return form.create(file, { name, ranges, addressing, machine, format, bytes, notes });
  } catch (error) {
    file.abort();
    throw error;
  }
}

/** Rebuilds files while a stream is decoded: a container comes before its image. */
export class UnpackedFiles {
  private readonly containers = new Map<
    number,
    { readonly sink: PageSink; readonly name: string; end: number }
  >();

  /** `form`: what is written instead of the files. */
  constructor(private readonly form?: OutputForm | undefined) {}

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
  open(number: number, openMemory: () => PageSink, openFile: OpenFile, imageBytes?: number): PageSink {
    const kept = this.containers.get(number);
    if (!kept)
      return this.form
        ? openForm(this.form, { name: `image ${number}`, bytes: imageBytes }, openFile)
        : openMemory();
    this.containers.delete(number);
    const { sink, name, end } = kept;
    const file = openContainedFile({ name, bytes: end, readAt: sink.readAt }, openFile, this.form);
    return {
      write: (part, position) => file.write(part, position),
      zero: (position, length) => file.zero(position, length),
      readAt: (into, position) => file.readAt(into, position),
      async finish(bytes) {
        await file.finish(bytes);
        sink.abort();
      },
      abort() {
        sink.abort();
        file.abort();
      },
    };
  }
}
