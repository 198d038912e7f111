// A report, the body of a KEEPALIVE frame of the destination. All integers are little-endian.
//
//   ns per KiB: pages u32 | stored segments u32 | of LZ4 u32 | of zstd u32       0xffffffff: not known yet
//   KiB that it accepts in flight on the main connection u32
//   abilities u32                                                    1: builds packets of multifd
//
// What follows is for later versions; earlier ones end before one of the last two fields. Hosts that know no
// reports ignore the bodies of KEEPALIVE frames.

import type { FrameChannel } from '../../channel/frame-channel.js';
import { type DecodeCosts, destinationSpeed } from '../../engine/threads/decode-meter.js';
import type { DestinationSpeed } from '../../strategy/destination.js';
import { WireReader, WireWriter } from '../../stream/wire.js';
import { MAX_MAIN_IN_FLIGHT_BYTES } from './in-flight-window.js';

/** Bytes of the costs, the shortest report. */
const COSTS_BYTES = 16;
const BUILDS_PACKETS = 1;
const UNKNOWN = 0xffffffff;
const CODECS = ['raw', 'lz4', 'zstd'] as const;
/** Costs are reported this often, and not for fewer bytes of pages: the figures would be noise. */
const INTERVAL_MS = 100;
const MIN_BYTES = 256 << 10;

/** Report of a destination. */
export interface DestinationReport {
  /** Cost of a byte; undefined before it is known. */
  readonly speed: DestinationSpeed | undefined;
  /** Bytes that it accepts in flight on the main connection; 0: it does not report them. */
  readonly maxMainBytes: number;
  /** Whether it builds packets of multifd. */
  readonly buildsPackets: boolean;
}

/** Return the body of a report. `speed`: undefined before it is known. */
export function reportBytes(speed: DestinationSpeed | undefined): Uint8Array {
  const to = new WireWriter();
  for (const ns of [speed?.nsPerPageByte, ...CODECS.map((name) => speed?.unpackNsPerByte[name])])
    to.u32(ns === undefined ? UNKNOWN : Math.min(UNKNOWN - 1, Math.round(1024 * ns)));
  to.u32(MAX_MAIN_IN_FLIGHT_BYTES >> 10);
  to.u32(BUILDS_PACKETS);
  return to.bytes;
}

/** Read a report; the body of an empty keepalive, or of a host that reports nothing, has none of it. */
export function readReport(body: Uint8Array): DestinationReport {
  if (body.length < COSTS_BYTES) return { speed: undefined, maxMainBytes: 0, buildsPackets: false };
  const from = new WireReader(body, 'report');
  const speed = readSpeed(from);
  const kib = from.left >= 4 ? from.u32() : 0;
  const abilities = from.left >= 4 ? from.u32() : 0;
  return {
    speed,
    maxMainBytes: Math.min(MAX_MAIN_IN_FLIGHT_BYTES, kib * 1024),
    buildsPackets: (abilities & BUILDS_PACKETS) !== 0,
  };
}

function readSpeed(from: WireReader): DestinationSpeed | undefined {
  const pages = from.u32();
  const unpackNsPerByte: { raw?: number; lz4?: number; zstd?: number } = {};
  for (const name of CODECS) {
    const ns = from.u32();
    if (ns !== UNKNOWN) unpackNsPerByte[name] = ns / 1024;
  }
  return pages === UNKNOWN ? undefined : { nsPerPageByte: pages / 1024, unpackNsPerByte };
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
