// Entry `pageferry/node`: images in files, processes and QEMU's migration streams.
export {
  type ElfCoreOptions,
  type ElfCoreSource,
  isElfCore,
  openElfCore,
} from './image/elf-core/elf-core.js';
export {
  IMAGE_FORMATS,
  type LoadImageOptions,
  loadImage,
  type OpenImageOptions,
  openImage,
} from './image/formats.js';
export { type AtomicWriter, type AtomicWriterOptions, createAtomicWriter } from './image/fs/atomic-file.js';
export { createFileSink, type FileSinkOptions } from './image/fs/file-sink.js';
export type { FileSource, ImageFile, ImageFormat } from './image/image-file.js';
export { type KdumpSource, openKdump } from './image/kdump/kdump.js';
export { type AvmlSource, openAvml } from './image/lime/avml.js';
export { type LimeSource, openLime } from './image/lime/lime.js';
export { type MinidumpSource, openMinidump } from './image/minidump/minidump.js';
export { type Capture, type CaptureOptions, captureProcess } from './image/process/capture.js';
export type { ProcessRegion } from './image/process/proc.js';
export {
  openProcess,
  type PlacedRegion,
  type ProcessOptions,
  type ProcessSource,
} from './image/process/process.js';
export {
  openQemuStream,
  type QemuImageOptions,
  type QemuImageSource,
} from './image/qemu-migration/qemu-migration.js';
export { openFileSource } from './image/raw.js';
export type { QemuEvents } from './qemu/events.js';
export type { QemuBlock, QemuCommand, QemuRange } from './qemu/format.js';
export { type QemuMessage, type QemuReturnEvents, QemuReturnReader } from './qemu/return-path.js';
export { QemuStreamReader } from './qemu/stream-reader.js';
export { QemuStreamWriter, type QemuWriterOptions } from './qemu/stream-writer.js';
