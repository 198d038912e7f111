export { type AtomicWriter, createAtomicWriter } from './image/atomic-file.js';
export { type Capture, type CaptureOptions, captureProcess } from './image/capture.js';
export { type ElfCoreSource, isElfCore, openElfCore } from './image/elf-core.js';
export { type FileSource, openFileSource } from './image/file.js';
export { createFileSink, type FileSinkOptions } from './image/file-sink.js';
export { openImage } from './image/open.js';
export { openProcess, type ProcessSource } from './image/process.js';
