import { outOfAddressSpace } from '../../kernels/address-space.js';
import type { ZstdExports } from '../../kernels/zstd-exports.js';
import { createZstdKernelsNow } from '../../kernels/zstd-now.js';
import { PageferryError } from '../../page/error.js';

const WASM_PAGE_BYTES = 65536;
/** Bytes after every slot that kernels may read. */
const SLACK_BYTES = 64;
const ALIGNMENT = 64;
/** First address of slots. */
const BASE = 64;

/** The zstd kernels with a memory of their own, which grows with its last slot. */
export class ZstdMemory {
  readonly run: ZstdExports;
  private readonly memory: WebAssembly.Memory;
  private view: Uint8Array<ArrayBuffer>;
  private end = BASE;

  /** @throws PageferryError `unsupported` outside of Node before the kernels were loaded */
  constructor() {
    this.memory = new WebAssembly.Memory({ initial: 1 });
    const run = createZstdKernelsNow(this.memory);
    if (!run)
      throw new PageferryError('unsupported', 'zstd: not loaded yet: await ready() before the first call');
    this.run = run;
    this.view = this.newView();
  }

  /** The bytes of the memory; a call of `grow` or `slot` may detach them. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.view;
  }

  get totalBytes(): number {
    return this.view.length;
  }

  /** Return the address of a new slot. */
  slot(bytes: number): number {
    const address = this.end;
    this.grow(address + bytes);
    return address;
  }

  /** Release all slots. */
  clear(): void {
    this.end = BASE;
  }

  /** Make the last slot end at `end`. @throws PageferryError `limit` */
  grow(end: number): void {
    this.end = Math.ceil((end + SLACK_BYTES) / ALIGNMENT) * ALIGNMENT;
    const missing = this.end - this.view.length;
    if (missing <= 0) return;
    try {
      this.memory.grow(Math.ceil(missing / WASM_PAGE_BYTES));
    } catch (cause) {
      throw outOfAddressSpace(this.end, cause as Error);
    }
    this.view = this.newView();
  }

  /** Read a u32 field. */
  u32(address: number): number {
    return new DataView(this.view.buffer).getUint32(address, true);
  }

  /** Read a u64 field; all ones: undefined. */
  u64(address: number): number | undefined {
    const low = this.u32(address);
    const high = this.u32(address + 4);
    return low === 0xffffffff && high === 0xffffffff ? undefined : high * 2 ** 32 + low;
  }

  private newView(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.memory.buffer as ArrayBuffer);
  }
}
