import type { ImageDigest } from '../../dedup/image-digest.js';
import type { Kernels } from '../../kernels/kernels.js';
import type { PageSink } from '../../page/source.js';
import type { DigestContext } from '../decode/base-digest.js';
import { CHUNK_BYTES } from '../frame/chunk.js';

/**
 * Collects decoded pages, digests them, and writes consecutive ones to a sink in one call. It uses the
 * buffers of a digest context, which must not be used for anything else meanwhile.
 */
export class PageBatch {
  private readonly kernels: Kernels;
  private readonly digest: ImageDigest;
  private readonly maxPages: number;
  /** 1 for each zero page of the batch. */
  private readonly zeros: Uint8Array;
  private pages = 0;
  private batchBytes = 0;
  /** Bytes of all pages added so far. */
  bytes = 0;

  constructor(
    private readonly context: DigestContext,
    private readonly pageBytes: number,
    private readonly sink: PageSink,
  ) {
    this.kernels = context.kernels;
    this.digest = context.digest;
    this.maxPages = CHUNK_BYTES / pageBytes;
    this.zeros = new Uint8Array(this.maxPages);
    this.digest.start();
  }

  /** Address for the next page. */
  get address(): number {
    return this.context.chunk + this.batchBytes;
  }

  /** Add the page of `bytes` bytes at `address`. Only the last one may be shorter than a page. */
  add(bytes: number): void {
    const { address, kernels } = this;
    kernels.run.hash128(address, bytes, 0, 0, this.context.digests + 16 * this.pages);
    this.zeros[this.pages++] = kernels.run.fillByte(address, bytes) === 0 ? 1 : 0;
    this.batchBytes += bytes;
    this.bytes += bytes;
    if (this.pages === this.maxPages) this.flush();
  }

  /** Write all pages to the sink. */
  flush(): void {
    const { pages, batchBytes, zeros, pageBytes } = this;
    const { chunk, digests } = this.context;
    const start = this.bytes - batchBytes;
    this.pages = 0;
    this.batchBytes = 0;
    this.digest.add(digests, pages);
    for (let first = 0; first < pages; ) {
      let next = first + 1;
      while (next < pages && zeros[next] === zeros[first]) next++;
      const [from, to] = [first * pageBytes, Math.min(next * pageBytes, batchBytes)];
      if (zeros[first] === 1) this.sink.zero(start + from, to - from);
      else this.sink.write(this.kernels.bytes.subarray(chunk + from, chunk + to), start + from);
      first = next;
    }
  }

  /** Write the pages of the batch and return the digest of all pages. */
  finish(): Uint8Array {
    this.flush();
    return this.digest.finish(this.bytes);
  }
}
