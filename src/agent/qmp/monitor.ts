import { type Address, addressText } from '../../channel/transports/address.js';
import { errnoOf } from '../../image/fs/errno.js';
import { PageferryError } from '../../page/error.js';
import { sleep } from '../../page/sync.js';
import { TARGET_PAGE_BYTES } from '../../qemu/format.js';
import { QmpClient } from '../../qemu/qmp/client.js';
import { asError } from '../as-error.js';
import type { DirtySample, QemuFacts, QemuProgress, QemuSupport } from './reports.js';
import type { MigrationSettings } from './settings.js';

const DIRTY_RATE_SECONDS = 1;
const POLL_MS = 100;
/** A measurement that takes longer than this is given up. */
const MAX_DIRTY_RATE_MS = 10_000;

/** The monitor of one QEMU, as far as migrations need it. Numbers that QEMU does not report are 0. */
export class QemuMonitor {
  private constructor(private readonly qmp: QmpClient) {}

  /** @throws PageferryError `io`, `bad-stream` */
  static async connect(address: Address): Promise<QemuMonitor> {
    const text = addressText(address);
    try {
      return new QemuMonitor(await QmpClient.connect(address, { name: `QMP at ${text}` }));
    } catch (cause) {
      const error = asError(cause);
      if (!['ENOENT', 'ECONNREFUSED'].includes(errnoOf(error.cause) ?? '')) throw error;
      const remedy = `start QEMU with -qmp ${text},server=on,wait=off`;
      throw new PageferryError(error.code, `${error.message}: ${remedy}`, { cause });
    }
  }

  /** Whether commands can be sent. */
  get isOpen(): boolean {
    return this.qmp.isOpen;
  }

  async facts(): Promise<QemuFacts> {
    const { qmp } = this;
    const version = await qmp.execute('query-version');
    const { status } = await qmp.execute('query-status');
    const memory = await qmp.execute('query-memory-size-summary');
    const cpus = await qmp.execute<unknown>('query-cpus-fast');
    return {
      version: versionText(version),
      status: typeof status === 'string' ? status : 'unknown',
      guestBytes: count(memory?.['base-memory']) + count(memory?.['plugged-memory']),
      cpus: Array.isArray(cpus) ? cpus.length : 0,
      isEmulated: await this.isEmulated(),
      capabilities: await this.capabilities(),
      parameters: await this.parameters(),
      migration: await this.progress(),
    };
  }

  /** Whether KVM is off; a QEMU that does not tell is taken to use it. */
  private async isEmulated(): Promise<boolean> {
    try {
      return (await this.qmp.execute<{ enabled?: unknown }>('query-kvm'))?.enabled === false;
    } catch (cause) {
      if (!this.isOpen) throw cause;
      return false;
    }
  }

  async capabilities(): Promise<ReadonlySet<string>> {
    const list = await this.qmp.execute<unknown>('query-migrate-capabilities');
    const on = (Array.isArray(list) ? list : []).filter(({ state }) => state === true);
    return new Set(on.map(({ capability }) => String(capability)));
  }

  /** Turn capabilities on and off; QEMU accepts them only before a migration. */
  async setCapabilities(capabilities: Readonly<Record<string, boolean>>): Promise<void> {
    const list = Object.entries(capabilities).map(([capability, state]) => ({ capability, state }));
    if (list.length > 0) await this.qmp.execute('migrate-set-capabilities', { capabilities: list });
  }

  /** Limits of this QEMU on the modes of a migration. */
  async support(): Promise<QemuSupport> {
    const list = await this.qmp.execute<unknown>('query-migrate-capabilities');
    const names = (Array.isArray(list) ? list : []).map(({ capability }) => String(capability));
    const schema = await this.qmp.execute<unknown>('query-qmp-schema');
    return {
      version: versionText(await this.qmp.execute('query-version')),
      capabilities: new Set(names),
      compressions: new Set(compressionsOf(schema)),
    };
  }

  async parameters(): Promise<Readonly<Record<string, unknown>>> {
    return (await this.qmp.execute('query-migrate-parameters')) ?? {};
  }

  /** QEMU's limit on the downtime, in ms. */
  async downtimeLimitMs(): Promise<number> {
    return count((await this.parameters())['downtime-limit']);
  }

  async progress(): Promise<QemuProgress> {
    const answer = (await this.qmp.execute<Readonly<Record<string, unknown>>>('query-migrate')) ?? {};
    const { status, ram, downtime, 'total-time': totalTime, 'error-desc': error } = answer;
    const {
      remaining,
      normal,
      duplicate,
      transferred,
      'dirty-sync-count': syncs,
    } = (ram ?? {}) as Readonly<Record<string, unknown>>;
    return {
      status: typeof status === 'string' ? status : 'none',
      remainingPages: Math.ceil(count(remaining) / TARGET_PAGE_BYTES),
      sentPages: count(normal) + count(duplicate),
      dirtySyncs: count(syncs),
      fillPages: count(duplicate),
      ...{ sentBytes: count(transferred), downtimeMs: count(downtime), totalMs: count(totalTime) },
      error: typeof error === 'string' ? error : undefined,
    };
  }

  /** State of the guest: `running`, `paused`, `inmigrate` (it waits for a migration). */
  async status(): Promise<string> {
    const { status } = await this.qmp.execute('query-status');
    return typeof status === 'string' ? status : 'unknown';
  }

  /** The address at which QEMU waits for a migration, as a URI; undefined: `-incoming defer`. */
  async listensAt(): Promise<string | undefined> {
    const { 'socket-address': list } = await this.qmp.execute<{ 'socket-address'?: unknown }>(
      'query-migrate',
    );
    const found: unknown = Array.isArray(list) ? list[0] : undefined;
    if (typeof found !== 'object' || found === null) return undefined;
    const { type, host, port, path } = found as Readonly<Record<string, unknown>>;
    if (type === 'unix') return `unix:${path}`;
    return `tcp:${String(host).includes(':') ? `[${host}]` : host}:${port}`;
  }

  /** Have QEMU wait for a migration at a URI. @throws PageferryError without `-incoming defer` */
  async listen(uri: string): Promise<void> {
    await this.qmp.execute('migrate-incoming', { uri });
  }

  async migrate(uri: string): Promise<void> {
    await this.qmp.execute('migrate', { uri });
  }

  async cancel(): Promise<void> {
    await this.qmp.execute('migrate_cancel');
  }

  /** Return the present values of some settings. */
  async settings({ capabilities, parameters }: MigrationSettings): Promise<MigrationSettings> {
    const on = await this.capabilities();
    const values = await this.parameters();
    const present = ([name]: [string, unknown]) => {
      const value = values[name];
      return typeof value === 'number' || typeof value === 'string' ? [[name, value] as const] : [];
    };
    return {
      capabilities: Object.fromEntries(Object.keys(capabilities).map((name) => [name, on.has(name)])),
      parameters: Object.fromEntries(Object.entries(parameters).flatMap(present)),
    };
  }

  async apply({ capabilities, parameters }: MigrationSettings): Promise<void> {
    await this.setCapabilities(capabilities);
    await this.setParameters(parameters);
  }

  /**
   * Have QEMU measure how many pages the guest writes in a second, from a sample of its pages. Undefined
   * where it does not finish. @throws PageferryError where QEMU rejects it: before 5.2, or while it measures
   */
  async dirtySample(signal?: AbortSignal): Promise<DirtySample | undefined> {
    await this.qmp.execute('calc-dirty-rate', { 'calc-time': DIRTY_RATE_SECONDS });
    for (let ms = 0; ms < MAX_DIRTY_RATE_MS; ms += POLL_MS) {
      await sleep(POLL_MS, signal);
      const { status, 'dirty-rate': rate } = await this.qmp.execute('query-dirty-rate');
      if (status !== 'measured') continue;
      const pages = (count(rate) * DIRTY_RATE_SECONDS * 2 ** 20) / TARGET_PAGE_BYTES;
      return { ms: 1000 * DIRTY_RATE_SECONDS, pages };
    }
    return undefined;
  }

  /** The guest's architecture: `x86_64`. */
  async architecture(): Promise<string> {
    const { arch } = await this.qmp.execute('query-target');
    return typeof arch === 'string' ? arch : 'unknown';
  }

  /** Have QEMU write guest memory to a file of its host. @throws PageferryError where it cannot */
  async saveMemory(address: number, bytes: number, path: string): Promise<void> {
    await this.qmp.execute('pmemsave', { val: address, size: bytes, filename: path });
  }

  async setParameters(parameters: Readonly<Record<string, number | string>>): Promise<void> {
    await this.qmp.execute('migrate-set-parameters', parameters);
  }

  async startPostcopy(): Promise<void> {
    await this.qmp.execute('migrate-start-postcopy');
  }

  close(): void {
    this.qmp.close();
  }
}

/** A number of QEMU's, which may be anything. */
function count(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : 0;
}

function versionText(version: Readonly<Record<string, unknown>> | undefined): string {
  const { major, minor, micro } = (version?.qemu ?? {}) as Readonly<Record<string, unknown>>;
  return [major, minor, micro].map((part) => count(part)).join('.');
}

/** The methods of `multifd-compression`: the names of types are no part of QMP, so its members tell. */
function compressionsOf(schema: unknown): string[] {
  for (const type of Array.isArray(schema) ? schema : []) {
    const values: unknown = type?.values;
    if (Array.isArray(values) && values.includes('none') && values.includes('zlib'))
      return values.map(String);
  }
  return [];
}
