import { valueText } from '../page/checked-source.js';
import { badArgument } from '../page/error.js';

/** Link between the two hosts. An object with `sendMs` is a custom model of a link. */
export interface LinkSpec {
  /** Nominal rate, at least 1. */
  readonly bitsPerSecond: number;
  /**
   * Return the ms that `bytes` take from `atMs` on, for a rate that varies over time. `bitsPerSecond` is
   * then the rate that senders expect.
   */
  sendMs?(bytes: number, atMs: number): number;
  /** Round trip, in ms. */
  readonly rttMs: number;
  /** Loss of the connection at this time of the migration, in ms, and its duration (Infinity: permanent). */
  readonly cut?: { readonly atMs: number; readonly forMs: number };
}

/** Largest record of TLS 1.3, and the bytes that it adds to each record. */
const RECORD_BYTES = 16384;
const RECORD_OVERHEAD_BYTES = 22;

/** Return the bytes on the wire of a TLS 1.3 channel. */
export function tlsBytes(bytes: number): number {
  return bytes + RECORD_OVERHEAD_BYTES * Math.ceil(bytes / RECORD_BYTES);
}

/** Permanent loss of the link. */
export class LinkLostError extends Error {
  constructor(readonly atMs: number) {
    super(`the link was lost after ${Math.round(atMs)} ms`);
  }
}

/**
 * Link in virtual time: bytes are sent in order, at the link's rate. Bytes in flight when the connection is
 * lost are sent again.
 */
export class SimulatedLink {
  /** Time at which the last byte given to the link has been sent. */
  freeAtMs = 0;
  /** Bytes given to the link, lost ones included. */
  bytes = 0;

  constructor(readonly spec: LinkSpec) {}

  get bytesPerMs(): number {
    return this.spec.bitsPerSecond / 8000;
  }

  /** Send bytes that are ready at `fromMs`; return when the last one arrives. @throws LinkLostError */
  send(bytes: number, fromMs: number): number {
    const { cut, rttMs } = this.spec;
    this.bytes += bytes;
    let start = Math.max(this.freeAtMs, fromMs);
    let ms = this.sendMs(bytes, start);
    if (cut && start < cut.atMs + cut.forMs && start + ms > cut.atMs) {
      if (cut.forMs === Infinity) throw new LinkLostError(cut.atMs);
      // The bytes that were in flight when the connection was lost are sent again: they count twice.
      if (start < cut.atMs) this.bytes += Math.round((bytes * (cut.atMs - start)) / ms);
      start = cut.atMs + cut.forMs;
      ms = this.sendMs(bytes, start);
    }
    this.freeAtMs = start + ms;
    return this.freeAtMs + rttMs / 2;
  }

  private sendMs(bytes: number, atMs: number): number {
    if (!this.spec.sendMs) return bytes / this.bytesPerMs;
    const ms: unknown = this.spec.sendMs(bytes, atMs);
    if (typeof ms === 'number' && ms >= 0 && ms < Infinity) return ms;
    throw badArgument(`link.sendMs: returned ${valueText(ms)} for ${bytes} bytes, expected ms of 0 or more`);
  }

  /** Return the bytes not sent yet at `atMs`. */
  backlogBytes(atMs: number): number {
    return Math.max(0, this.freeAtMs - atMs) * this.bytesPerMs;
  }
}
