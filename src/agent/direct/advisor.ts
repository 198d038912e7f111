import { expectAnswer } from '../../channel/answer.js';
import type { ConnectOptions } from '../../channel/connect.js';
import { connectChannel } from '../../channel/connect.js';
import { FRAME } from '../../channel/frame.js';
import type { Address } from '../../channel/transports/address.js';
import { type Advice, advise } from '../advise/advise.js';
import { asError } from '../as-error.js';
import { migrationFacts } from '../check/migration-facts.js';
import { type ChannelFacts, checkChannel } from '../check/run-check.js';
import type { MigrationLimits } from '../forecast/decide.js';
import type { MessageLog } from '../log.js';
import { type GuestFacts, readGuest } from '../measure/guest-facts.js';
import { measurePacking, type PackingSpeed } from '../measure/packing-speed.js';
import { QemuMonitor } from '../qmp/monitor.js';
import { dirtyBytesPerSecond } from '../qmp/reports.js';
import { type DestinationQemu, DIRECT_KIND, jsonBody, readQemu } from './messages.js';

/** A measurement takes seconds, so it is made before a migration, and counts for this time. */
const FRESH_MS = 5 * 60_000;
const PACK_MS = 200;

/** Inputs of an advisor. */
export interface AdvisorOptions {
  /** The monitor of the source's QEMU. */
  readonly qmp: Address;
  readonly peer: ConnectOptions;
  readonly threads: number;
  readonly limits: MigrationLimits;
  readonly log: MessageLog;
  /** Default: `measurePair`. */
  readonly measure?: MeasurePair | undefined;
}

/** Measured facts of one pair of QEMUs and of the link between their hosts. */
export interface PairFacts {
  readonly channel: ChannelFacts;
  readonly packing: PackingSpeed;
  readonly guest: GuestFacts;
  readonly destination: DestinationQemu;
}

/** Measures a pair of QEMUs. */
export type MeasurePair = (options: AdvisorOptions, signal: AbortSignal) => Promise<PairFacts>;

/** A decision: the advice, and why QEMU cannot migrate directly although it should. */
export interface Decision {
  readonly advice: Advice;
  readonly obstacle: string | undefined;
}

/** Measures what a decision needs while no migration is in progress, and decides when one begins. */
export class Advisor {
  /** A monitor serves one client at a time, so there is one measurement at a time. */
  private inFlight: Promise<void> | undefined;
  private readonly controller = new AbortController();
  private readonly timer: NodeJS.Timeout;
  private measured: (PairFacts & { readonly atMs: number }) | undefined;

  constructor(
    private readonly options: AdvisorOptions,
    private readonly isIdle: () => boolean,
  ) {
    this.timer = setInterval(() => void this.measureIdle(), FRESH_MS / 2);
    this.timer.unref();
    void this.measureIdle();
  }

  close(): void {
    clearInterval(this.timer);
    this.controller.abort(new Error('the agent was stopped'));
  }

  /** Decide by the latest measurement; measure where there is none. @throws PageferryError */
  async decide(): Promise<Decision> {
    await this.inFlight?.catch(() => {});
    const { atMs } = this.measured ?? {};
    if (atMs === undefined || performance.now() - atMs > FRESH_MS) await this.measure();
    const { channel, packing, guest, destination } = this.measured!;
    const { maxDowntimeMs, maxTotalMs } = this.options.limits;
    const facts = migrationFacts({
      ...{ channel, packing, guest, destination, maxTotalMs, guestBytes: guest.qemu.guestBytes },
      downtimeLimitMs: maxDowntimeMs ?? guest.downtimeLimitMs,
    });
    const isEncrypted = guest.hasTls && destination.hasTls;
    const obstacle =
      this.options.peer.insecure || isEncrypted
        ? undefined
        : "QEMU's own migration would not be encrypted: set its parameter tls-creds on both hosts";
    return { advice: advise(facts), obstacle };
  }

  /** The guest has left: nothing that was measured counts for the next one. */
  invalidate(): void {
    this.measured = undefined;
  }

  private async measureIdle(): Promise<void> {
    if (!this.isIdle()) return;
    const isFirst = this.measured === undefined;
    const log = (found: string) => this.options.log('info', found);
    try {
      await this.measure();
      if (isFirst && this.measured) log(`measured for direct migrations: ${measuredText(this.measured)}`);
    } catch (cause) {
      // A QEMU or a destination that is not ready yet is measured when a migration begins.
      if (!this.controller.signal.aborted)
        log(`not measured yet for direct migrations: ${asError(cause).message}`);
    }
  }

  private measure(): Promise<void> {
    this.inFlight ??= this.measureNow().finally(() => {
      this.inFlight = undefined;
    });
    return this.inFlight;
  }

  private async measureNow(): Promise<void> {
    const { measure = measurePair } = this.options;
    const { signal } = this.controller;
    signal.throwIfAborted();
    const facts = await measure(this.options, signal);
    this.measured = { ...facts, atMs: performance.now() };
  }
}

/** Measure a pair of QEMUs, the link and the speed of packing, for some seconds. @throws PageferryError */
export async function measurePair(
  { qmp, peer, threads, log }: AdvisorOptions,
  signal: AbortSignal,
): Promise<PairFacts> {
  const destination = await askQemu({ ...peer, signal });
  const monitor = await QemuMonitor.connect(qmp);
  try {
    const guest = await readGuest(monitor, signal, (note) => log('warn', note));
    const channel = await checkChannel({ ...peer, signal });
    const packing = await measurePacking('fixed:lz4', threads, PACK_MS);
    return { channel, packing, guest, destination };
  } finally {
    monitor.close();
  }
}

/** `the link takes 941 Mbit/s, the guest writes 12 MB/s` */
function measuredText({ channel: { bitsPerSecond }, guest: { dirty } }: PairFacts): string {
  const link =
    bitsPerSecond === undefined ? 'a fast link' : `the link takes ${Math.round(bitsPerSecond / 1e6)} Mbit/s`;
  const writes = dirty
    ? `the guest writes ${Math.round(dirtyBytesPerSecond(dirty) / 1e6)} MB/s`
    : 'the dirty rate is not known';
  return `${link}, ${writes}`;
}

/** Ask the destination agent about its QEMU. @throws PageferryError */
async function askQemu(peer: ConnectOptions): Promise<DestinationQemu> {
  const channel = await connectChannel(peer);
  try {
    await channel.send(FRAME.CHECK, jsonBody(DIRECT_KIND.QEMU));
    const missing = 'it did not describe its QEMU';
    return readQemu(await expectAnswer(channel, FRAME.CHECK_ANSWER, missing, peer), channel.peer);
  } finally {
    await channel.close();
  }
}
