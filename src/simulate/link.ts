/** The way between two hosts. */
export interface LinkSpec {
  readonly bitsPerSecond: number;
  /**
   * What so many bytes take that begin to leave at `atMs`, for a link whose rate is not always the same; `bitsPerSecond` is then the
   * rate that senders expect of it.
   */
  takesMs?(bytes: number, atMs: number): number;
  /** There and back. */
  readonly rttMs: number;
  /** The connection is lost at this time of the migration, for so long (Infinity: for good). */
  readonly cut?: { readonly atMs: number; readonly forMs: number };
}

/** TLS 1.3 puts so many bytes round each record of up to 16 KiB. */
const RECORD_BYTES = 16384;
const SEAL_BYTES = 22;

/** Bytes as they are on the wire of a channel that is sealed. */
export function sealedBytes(bytes: number): number {
  return bytes + SEAL_BYTES * Math.ceil(bytes / RECORD_BYTES);
}

/** The connection was lost for good. */
export class LinkLost extends Error {
  constructor(readonly atMs: number) {
    super(`the link was lost after ${Math.round(atMs)} ms`);
  }
}

/** A link in virtual time: bytes go one after the other at its rate. What is under way when it is cut has to be sent again. */
export class Link {
  /** When the last byte that was sent has left. */
  freeAtMs = 0;
  bytes = 0;

  constructor(readonly spec: LinkSpec) {}

  get bytesPerMs(): number {
    return this.spec.bitsPerSecond / 8000;
  }

  /** Sends bytes that are ready at `fromMs`; returns when they have all arrived. @throws LinkLost */
  send(bytes: number, fromMs: number): number {
    const { cut, rttMs } = this.spec;
    this.bytes += bytes;
    let start = Math.max(this.freeAtMs, fromMs);
    let ms = this.takesMs(bytes, start);
    if (cut && start < cut.atMs + cut.forMs && start + ms > cut.atMs) {
      if (cut.forMs === Infinity) throw new LinkLost(cut.atMs);
      // What left before the cut, but did not arrive as a whole, is lost.
      if (start < cut.atMs) this.bytes += Math.round((bytes * (cut.atMs - start)) / ms);
      start = cut.atMs + cut.forMs;
      ms = this.takesMs(bytes, start);
    }
    this.freeAtMs = start + ms;
    return this.freeAtMs + rttMs / 2;
  }

  private takesMs(bytes: number, atMs: number): number {
    return this.spec.takesMs?.(bytes, atMs) ?? bytes / this.bytesPerMs;
  }

  /** Bytes that wait at `atMs`. */
  backlogBytes(atMs: number): number {
    return Math.max(0, this.freeAtMs - atMs) * this.bytesPerMs;
  }
}
