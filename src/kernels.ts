/**
 * `pageferry/kernels`: the raw kernels and codecs, for programs that lay out the memory and call them
 * directly. Runs in browsers. `pageferry/kernels.wasm` is the same module as a file; `docs/kernels-abi.md`
 * describes it for hosts in any language.
 */
export { type CodecContext, createCodecContext, type PageClass, type PageCodec } from './codec/codec.js';
export {
  CODECS,
  type Codec,
  type CodecName,
  codecByName,
  isCodecName,
  type PackingName,
} from './codec/registry.js';
export { Arena, type ArenaLimit, type Slots } from './kernels/arena.js';
export { type KernelExports, type Kernels, kernelModule } from './kernels/kernels.js';
export { LAYOUT } from './kernels/layout.generated.js';
export { STATUS, statusText } from './kernels/status.js';
export { type ErrorCode, PageferryError } from './page/error.js';
