/**
 * The exports of the zstd module, the types for `assembly/zstd.ts`; `docs/kernels-abi.md` describes them for
 * hosts in any language. Addresses, results and limits are as in {@link KernelExports}.
 */
export interface ZstdExports {
  readonly ZSTD_MAX_BLOCK_BYTES: { readonly value: number };
}
