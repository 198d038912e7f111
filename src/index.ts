export type { CodecContext, PageClass, PageCodec } from './codec/codec.js';
export { createCodecContext } from './codec/codec.js';
export { CODECS, type Codec, type CodecName, codecByName, type PackingName } from './codec/registry.js';
export { loadZstd } from './codec/zstd/load.js';
export type { Zstd } from './codec/zstd.js';
export { digestText } from './dedup/image-digest.js';
export { createDecoder, type DecoderOptions } from './engine/decode/create-decoder.js';
export type { DecodedImage, OpenSink } from './engine/decode/decoded-images.js';
export type { Decoder, DecodeSummary } from './engine/decode/decoder.js';
export type { PageObserver } from './engine/decode/image-decoder.js';
export { createEncoder } from './engine/encode/create-encoder.js';
export type { EncodeOptions, Encoder } from './engine/encode/encoder.js';
export type { EncoderOptions } from './engine/encode/encoder-options.js';
export type { Output } from './engine/encode/output-writes.js';
export type { ImageSummary, StreamSummary } from './engine/encode/summary.js';
export type { TimelineRow } from './engine/encode/timeline-row.js';
export type { CodecCount, CodecCounts } from './engine/frame/counters.js';
export { openPages } from './engine/page-reader/open-pages.js';
export type { ExtractOptions, PageReader, ReadableImage } from './engine/page-reader/page-reader.js';
export type { PageReaderOptions, VerifyOptions } from './engine/page-reader/reader-options.js';
export { verifyStream } from './engine/page-reader/verify-stream.js';
export {
  type DecodeStreamOptions,
  decodeImages,
  decodeStream,
  type EncodeJob,
  encodeImages,
  encodeStream,
} from './engine/streams.js';
export { type DecodeCosts, destinationSpeed, type StepCost } from './engine/threads/decode-meter.js';
export { type BytesSink, bytesSink, bytesSource } from './image/memory.js';
export { type WasmMemoryOptions, wasmMemorySource } from './image/wasm.js';
export type { KernelExports, Kernels } from './kernels/kernels.js';
export { statusText } from './kernels/status.js';
export { type ErrorCode, PageferryError } from './page/error.js';
export type { FileRange, PageSink, PageSource } from './page/source.js';
export type { DestinationSpeed } from './strategy/destination.js';
export { recorded, replayed, type StrategyEvent } from './strategy/record.js';
export { strategyByName } from './strategy/registry.js';
export type {
  Choice,
  GroupView,
  ImageProgress,
  LookResult,
  Looks,
  Packing,
  PackingResult,
  PageProfile,
  PageView,
  Strategy,
  StrategyExplanation,
  StreamState,
  UniformChoice,
} from './strategy/strategy.js';
export type { ImageRecord } from './stream/format.js';
