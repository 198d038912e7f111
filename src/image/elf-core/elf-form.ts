import { PageferryError } from '../../page/error.js';
import type { PageSink } from '../../page/source.js';
import { rangesBytes } from '../container/range-table.js';
import type { OutputForm, OutputMemory } from '../output-form.js';
import { elfHeaderBytes, elfHeaders, type WrittenSegment, type WrittenSegments } from './write-headers.js';

const EM_X86_64 = 62;
const READ_WRITE_EXECUTE = 7;
/** Tools that list a core's segments handle this number; more ranges have no source. */
const MAX_SEGMENTS = 1 << 21;

/** An ELF64 core with a PT_LOAD for each range of addresses. */
export const elfForm: OutputForm = {
  name: 'elf',
  extension: 'core',
  summary: 'ELF64 core of its memory, with its notes',
  create: createElfSink,
};

/**
 * Create a sink that writes a core: headers, then the image unchanged. A processor that is not known is
 * x86-64.
 */
function createElfSink(file: PageSink, memory: OutputMemory): PageSink {
  const { name, ranges, notes } = memory;
  if (ranges.length > MAX_SEGMENTS)
    throw new PageferryError(
      'limit',
      `${name}: ${ranges.length} ranges of addresses; a core has at most ${MAX_SEGMENTS}`,
    );
  // The size of the only range of an image without addresses is known at its end.
  const dataAt = elfHeaderBytes(ranges.length || 1, notes.length);
  return {
    write: (bytes, position) => file.write(bytes, dataAt + position),
    zero: (position, bytes) => file.zero(dataAt + position, bytes),
    readAt: (into, position) => file.readAt(into, dataAt + position),
    async finish(bytes) {
      const addressed = rangesBytes(ranges);
      if (ranges.length > 0 && addressed !== bytes)
        throw new PageferryError(
          'bad-stream',
          `${name}: addresses for ${addressed} bytes, the image has ${bytes}`,
        );
      file.write(headersOf(memory, bytes), 0);
      await file.finish(dataAt + bytes);
    },
    abort: () => file.abort(),
  };
}

function headersOf(memory: OutputMemory, imageBytes: number): Uint8Array {
  return elfHeaders(segmentsOf(memory, imageBytes), memory.machine || EM_X86_64, memory.notes);
}

/** Not a list: a process can have millions of ranges. */
function segmentsOf({ ranges, addressing }: OutputMemory, imageBytes: number): WrittenSegments {
  const all = ranges.length > 0 ? ranges : [{ address: 0n, bytes: imageBytes }];
  return {
    length: all.length,
    *[Symbol.iterator](): Iterator<WrittenSegment> {
      for (const { address, bytes } of all)
        yield {
          vaddr: address, // debuggers read memory by it
          paddr: addressing === 'virtual' ? 0n : address,
          bytes,
          flags: READ_WRITE_EXECUTE,
        };
    },
  };
}
