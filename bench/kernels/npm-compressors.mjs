// Compressors from npm, each through its own API: a view of a page in, an encoding out. The views exist
// before the measurement starts, so that only the compressor's work is timed.
import zlib from 'node:zlib';
import { compress as zstdCompress, decompress as zstdDecompress, init as zstdInit } from '@bokuweb/zstd-wasm';
import { deflateSync, inflateSync } from 'fflate';
import lz4napi from 'lz4-napi';
import lz4wasm from 'lz4-wasm-nodejs';
import lz4js from 'lz4js';
import snappy from 'snappy';

/** `{ name, compress(page) -> bytes, decompress(bytes, pageBytes) -> page }` */
export async function npmCompressors() {
  await zstdInit();
  const peers = [
    {
      name: 'lz4-napi',
      compress: (page) => lz4napi.compressSync(page),
      decompress: (bytes) => lz4napi.uncompressSync(bytes),
    },
    {
      name: 'lz4-wasm-nodejs',
      compress: (page) => lz4wasm.compress(page),
      decompress: (bytes) => lz4wasm.decompress(bytes),
    },
    lz4jsBlocks(),
    {
      name: 'snappy',
      compress: (page) => snappy.compressSync(page),
      decompress: (bytes) => snappy.uncompressSync(bytes),
    },
    {
      name: 'fflate -1',
      compress: (page) => deflateSync(page, { level: 1 }),
      decompress: (bytes) => inflateSync(bytes),
    },
    {
      name: 'node:zlib -1',
      compress: (page) => zlib.deflateRawSync(page, { level: 1 }),
      decompress: (bytes) => zlib.inflateRawSync(bytes),
    },
    {
      name: '@bokuweb/zstd-wasm -1',
      compress: (page) => zstdCompress(page, 1),
      decompress: (bytes) => zstdDecompress(bytes),
    },
  ];
  if (zlib.zstdCompressSync) peers.push(nodeZstd());
  return peers;
}

function nodeZstd() {
  const params = { [zlib.constants.ZSTD_c_compressionLevel]: 1 };
  return {
    name: 'node:zlib zstd -1',
    compress: (page) => zlib.zstdCompressSync(page, { params }),
    decompress: (bytes) => zlib.zstdDecompressSync(bytes),
  };
}

/** lz4js, raw blocks. Its hash table has to be cleared for each page, or it finds matches in another page. */
function lz4jsBlocks() {
  const table = new Array(1 << 16).fill(0);
  return {
    name: 'lz4js',
    compress: (page) => {
      const out = new Uint8Array(lz4js.compressBound(page.length));
      table.fill(0);
      const bytes = lz4js.compressBlock(page, out, 0, page.length, table);
      // 0: the block is not smaller, and the page is stored uncompressed.
      return bytes === 0 || bytes >= page.length ? page : out.subarray(0, bytes);
    },
    decompress: (bytes, pageBytes) => {
      if (bytes.length === pageBytes) return bytes.slice();
      const out = new Uint8Array(pageBytes);
      lz4js.decompressBlock(bytes, out, 0, bytes.length, 0);
      return out;
    },
  };
}

/** Return `encode` and `decode` of all `pages` (views) by one compressor. */
export function overPages({ compress, decompress }, pages, pageBytes) {
  const encodings = new Array(pages.length);
  const decoded = new Array(pages.length);
  return {
    encodings,
    decoded,
    encode: () => {
      for (let i = 0; i < pages.length; i++) encodings[i] = compress(pages[i]);
    },
    decode: () => {
      for (let i = 0; i < pages.length; i++) decoded[i] = decompress(encodings[i], pageBytes);
    },
  };
}
