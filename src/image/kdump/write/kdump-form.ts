import zlib from 'node:zlib';
import { compressNow } from '../../../codec/zstd/one-shot.js';
import { FastDeflate, MAX_DEFLATED_BYTES } from '../../compression/zlib/deflate-fast.js';
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
    createKdumpSink(file, memory, { compression: 'zlib', compress: zlibCompressor() }),
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

/** A page of usual size gets the bytes that makedumpfile and QEMU write. */
function zlibCompressor(): (page: Uint8Array) => Uint8Array {
  const encoder = new FastDeflate();
  const code = new Uint8Array(2 * MAX_DEFLATED_BYTES);
  return (page) => {
    if (page.length > MAX_DEFLATED_BYTES) return zlib.deflateSync(page, { level: LEVEL });
    const bytes = encoder.encode(page, code);
    return bytes < 0 ? page : code.subarray(0, bytes);
  };
}
