import { FRAME } from '../../channel/frame.js';
import type { FrameChannel } from '../../channel/frame-channel.js';
import { checkSessionId } from '../../channel/handshake.js';
import type { Address } from '../../channel/transports/address.js';
import { PageferryError } from '../../page/error.js';
import { sleep } from '../../page/sync.js';
import { asError } from '../as-error.js';
import { type MessageLog, messageLog } from '../log.js';
import type { MeteredMigration } from '../metrics.js';
import { QemuMonitor } from '../qmp/monitor.js';
import type { MigrationSettings } from '../qmp/settings.js';
import { qemuUri } from '../qmp/uri.js';
import { DIRECT_KIND, type IncomingResult, jsonBody, readJsonBody, readSettings } from './messages.js';
import type { IncomingAgentOptions } from './options.js';

/** The source closes the channel within this time after the answer that ends a direct migration. */
const CLOSE_MS = 1000;

/**
 * Have a QEMU that was started with `-incoming defer` listen at `address`, unless it listens already. @throws
 * PageferryError
 */
export async function openIncoming(qmp: Address, address: Address): Promise<void> {
  if (!(await isDeferred(qmp))) return;
  const monitor = await QemuMonitor.connect(qmp);
  try {
    await monitor.listen(qemuUri(address));
  } finally {
    monitor.close();
  }
}

/** Whether a QEMU waits for `migrate-incoming`. @throws PageferryError */
export async function isDeferred(qmp: Address): Promise<boolean> {
  const monitor = await QemuMonitor.connect(qmp);
  try {
    return (await monitor.status()) === 'inmigrate' && (await monitor.listensAt()) === undefined;
  } finally {
    monitor.close();
  }
}

/** Answers the questions of one source agent about a direct migration, on one channel. */
export class DirectIncoming {
  private readonly log: MessageLog;
  private metered: MeteredMigration | undefined;
  private before: MigrationSettings | undefined;
  /** How a direct migration ended, until that is reported. */
  private result: { readonly error: PageferryError | undefined } | undefined;

  constructor(
    private readonly channel: FrameChannel,
    private readonly options: IncomingAgentOptions,
  ) {
    this.log = messageLog(options.log, 0);
  }

  /** Whether a direct migration was prepared and has not ended. */
  get isActive(): boolean {
    return this.metered !== undefined;
  }

  /** Answer a question. @throws PageferryError for one that is malformed */
  async answer(body: Uint8Array): Promise<void> {
    const { channel } = this;
    const kind = body[0]!;
    const settings = kind === DIRECT_KIND.PREPARE ? this.readPrepare(body) : undefined;
    let content: object;
    try {
      const monitor = await this.connect();
      try {
        content = await (settings ? this.prepare(monitor, settings) : this.report(monitor, kind));
      } finally {
        monitor.close();
      }
    } catch (cause) {
      const { message } = asError(cause);
      content = this.isActive ? await this.end({ status: 'failed', error: message }) : { error: message };
    }
    await channel.send(FRAME.CHECK_ANSWER, jsonBody(kind, content));
    await this.reportEnd();
  }

  /** The channel has ended. */
  close(cause: unknown): void {
    if (this.isActive) void this.end({ status: 'failed', error: asError(cause).message });
    void this.reportEnd();
  }

  /** Call `onEnd` after the end, once the source has closed the channel: it may end this agent. */
  private async reportEnd(): Promise<void> {
    const { result, options } = this;
    if (!result) return;
    this.result = undefined;
    await sleep(CLOSE_MS, this.channel.signal).catch(() => {});
    options.onEnd?.(result.error);
  }

  /** A question that was recorded in another session is refused. */
  private readPrepare(body: Uint8Array): MigrationSettings {
    const { channel } = this;
    const { session } = readJsonBody(body, DIRECT_KIND.PREPARE, channel.peer);
    checkSessionId(channel, Buffer.from(String(session), 'hex'), channel.session!.ownId);
    return readSettings(body, channel.peer);
  }

  private async connect(): Promise<QemuMonitor> {
    const { direct } = this.options;
    if (!direct?.listen)
      throw new PageferryError('unsupported', 'the destination agent has no --qmp and --direct');
    return QemuMonitor.connect(direct.qmp);
  }

  private async report(monitor: QemuMonitor, kind: number): Promise<object> {
    if (kind === DIRECT_KIND.QEMU) {
      const { version, capabilities, compressions } = await monitor.support();
      const { 'tls-creds': creds } = await monitor.parameters();
      return {
        version,
        capabilities: [...capabilities],
        compressions: [...compressions],
        hasTls: Boolean(creds),
      };
    }
    const { status } = await monitor.progress();
    if (status === 'failed')
      return this.end({ status, error: "QEMU's incoming migration failed; see its log" });
    // A QEMU that waits is none or setup; one that has the guest leaves inmigrate.
    const isDone = status === 'completed' && (await monitor.status()) !== 'inmigrate';
    return isDone ? this.end({ status: 'completed' }, monitor) : { status: 'active' };
  }

  private async prepare(monitor: QemuMonitor, settings: MigrationSettings): Promise<object> {
    const { listen } = this.options.direct!;
    const status = await monitor.status();
    if (status !== 'inmigrate')
      throw new PageferryError(
        'unsupported',
        `the destination's QEMU is ${status}; start it with -incoming defer`,
      );
    const found = await monitor.listensAt();
    if (found)
      throw new PageferryError(
        'unsupported',
        `the destination's QEMU listens at ${found} already; start it with -incoming defer`,
      );
    this.before = await monitor.settings(settings);
    await monitor.apply(settings);
    await monitor.listen(qemuUri(listen!));
    const { meters, onBegin } = this.options;
    onBegin?.();
    this.metered = meters.begin();
    const address = (await monitor.listensAt()) ?? qemuUri(listen!);
    const message = `QEMU listens at ${address} for a direct migration from ${this.channel.peer}`;
    this.log('info', message);
    return { address };
  }

  private async end(result: IncomingResult, monitor?: QemuMonitor): Promise<IncomingResult> {
    this.metered?.end(result.status === 'completed' ? 'completed' : 'failed');
    this.metered = undefined;
    if (result.status === 'completed') {
      this.log('info', 'QEMU runs the guest, which was migrated directly');
      // The guest may be migrated from here, by the operator's settings.
      if (monitor && this.before) await monitor.apply(this.before).catch(() => {});
      this.result = { error: undefined };
    } else {
      const error = new PageferryError('io', `the direct migration failed: ${result.error}`);
      this.log('error', `failed: ${error.message}`);
      this.result = { error };
    }
    return result;
  }
}
