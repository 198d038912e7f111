import type { FrameChannel } from '../../channel/frame-channel.js';
import { type DecodeCosts, destinationSpeed } from '../../engine/threads/decode-meter.js';
import type { DestinationSpeed } from '../../strategy/destination.js';
import { WireReader, WireWriter } from '../../stream/wire.js';
import { MAX_MAIN_IN_FLIGHT_BYTES } from './in-flight-window.js';

// A report, the body of a KEEPALIVE frame of the destination: ns per KiB u32, of pages, and of segments that
// are stored, packed by LZ4 and packed by zstd; 0xffffffff: not known yet | KiB that it accepts in flight on
// the main connection u32 | what it can u32 (1: builds packets of multifd). What follows is for later
// versions, and earlier ones end before one of the last fields.
// Hosts that know no reports ignore the bodies of KEEPALIVE frames.

const REPORT_BYTES = 16;
const BUILDS_PACKETS = 1;
const UNKNOWN = 0xffffffff;
const NAMES = ['raw', 'lz4', 'zstd'] as const;
/** Costs are reported this often, and not for fewer bytes of pages: the figures would be noise. */
const INTERVAL_MS = 100;
const MIN_BYTES = 256 << 10;

/** `speed`: undefined before it is known. */
export function reportBytes(speed: DestinationSpeed | undefined): Uint8Array {
  const to = new WireWriter();
  for (const ns of [speed?.nsPerPageByte, ...NAMES.map((name) => speed?.unpackNsPerByte[name])])
    to.u32(ns === undefined ? UNKNOWN : Math.min(UNKNOWN - 1, Math.round(1024 * ns)));
  to.u32(MAX_MAIN_IN_FLIGHT_BYTES >> 10);
  to.u32(BUILDS_PACKETS);
  return to.bytes;
}

/** Return how many bytes a destination accepts in flight on the main connection; 0 if it does not say. */
export function readWindowLimit(body: Uint8Array): number {
  if (body.length < REPORT_BYTES + 4) return 0;
  const kib = new WireReader(body.subarray(REPORT_BYTES), 'report').u32();
  return Math.min(MAX_MAIN_IN_FLIGHT_BYTES, kib * 1024);
}

/** Return whether a destination builds packets of multifd, by its last report. */
export function readBuildsPackets(body: Uint8Array | undefined): boolean {
  if (!body || body.length < REPORT_BYTES + 8) return false;
  return (new WireReader(body.subarray(REPORT_BYTES + 4), 'report').u32() & BUILDS_PACKETS) !== 0;
}

/** Read a report; undefined for a body that is none. */
export function readReport(body: Uint8Array): DestinationSpeed | undefined {
  if (body.length < REPORT_BYTES) return undefined;
  const from = new WireReader(body, 'report');
  const pages = from.u32();
  if (pages === UNKNOWN) return undefined;
  const unpackNsPerByte: { raw?: number; lz4?: number; zstd?: number } = {};
  for (const name of NAMES) {
    const ns = from.u32();
    if (ns !== UNKNOWN) unpackNsPerByte[name] = ns / 1024;
  }
  return { nsPerPageByte: pages / 1024, unpackNsPerByte };
}

/** Reports to the source what a byte costs this destination, from the costs since the last report. */
export class DestinationReporter {
  private before: DecodeCosts | undefined;
  private reportedAtMs = performance.now();

  constructor(
    private readonly channel: FrameChannel,
    private readonly costs: () => DecodeCosts,
  ) {}

  /** Report what this destination accepts, before any cost is known. */
  begin(): void {
    this.channel.report(reportBytes(undefined));
  }

  /** Report, where it is time. Called after every frame. */
  report(): void {
    const nowMs = performance.now();
    if (nowMs - this.reportedAtMs < INTERVAL_MS) return;
    const { before } = this;
    const costs = this.costs();
    if (costs.pages.bytes - (before?.pages.bytes ?? 0) < MIN_BYTES) return;
    this.reportedAtMs = nowMs;
    this.before = costs;
    this.channel.report(reportBytes(destinationSpeed(costs, before)!));
  }
}
