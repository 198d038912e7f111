import zlib from 'node:zlib';
import { compressNow } from '../../../codec/zstd/one-shot.js';
import type { OutputForm } from '../../output-form.js';
import { createKdumpSink } from './kdump-sink.js';

/** Level of makedumpfile and QEMU. */
const LEVEL = 1;

/** A kdump-compressed dump whose pages zlib compressed, which every tool reads. */
export const kdumpForm: OutputForm = {
  name: 'kdump',
  extension: 'kdump',
  summary: 'kdump-compressed dump of its physical memory (zlib)',
  create: (file, memory) =>
    createKdumpSink(file, memory, {
      compression: 'zlib',
      compress: (page) => zlib.deflateSync(page, { level: LEVEL }),
    }),
};

/** A kdump-compressed dump whose pages zstd compressed: makedumpfile 1.7, crash 8. */
export const kdumpZstdForm: OutputForm = {
  name: 'kdump-zstd',
  extension: 'kdump',
  summary: 'the same with zstd',
  create: (file, memory) =>
    createKdumpSink(file, memory, {
      compression: 'zstd',
      compress: (page) => compressNow(page, LEVEL, false),
    }),
};
