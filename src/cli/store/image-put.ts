import { openImage } from '../../image/formats.js';
import { bytesSource } from '../../image/memory.js';
import { badArgument, PageferryError } from '../../page/error.js';
import type { PageSource } from '../../page/source.js';
import { bytesText, msText } from '../../report/terminal/units.js';
import type { PutOptions } from '../../store/options.js';
import { hasLabels } from '../../store/retention.js';
import type { SnapshotInfo } from '../../store/snapshot-info.js';
import type { Store } from '../../store/store.js';
import { type Trace, traceOf, traceText } from '../../store/trace.js';
import { createProgressLine } from '../progress.js';
import { printOut } from '../terminal.js';
import { labelsText } from './list.js';

/** Files that are stored with an image. */
interface Companions {
  /** Path of a file. */
  readonly state: string | undefined;
  readonly trace: Trace | undefined;
}

/** Stores an image, and what is kept beside it, and reports it. */
export class ImagePut {
  private readonly line = createProgressLine('storing');
  /** Names of snapshots that a failure removes again. */
  private readonly stored: string[] = [];

  constructor(
    private readonly store: Store,
    private readonly options: PutOptions,
    /** Whether an image that the store has is skipped. */
    private readonly isResuming: boolean,
    private readonly json: boolean,
  ) {}

  async put(source: PageSource, { state, trace }: Companions): Promise<void> {
    const { name } = this.options;
    const startedMs = performance.now();
    try {
      // First: a snapshot that is there has its state.
      if (state !== undefined) await this.putFile(state, `${name}.state`);
      if (trace) await this.putTrace(trace, source);
      const onProgress = (bytes: number) => this.line.onBytes(bytes, source.bytes);
      const info = await this.putNew(source, { ...this.options, onProgress });
      this.line.end();
      if (info?.bytes === 0 && source.bytes === undefined) {
        this.stored.push(info.name);
        throw new PageferryError(
          'bad-image',
          `${source.name}: ended without a byte, nothing is stored; see whether the program that writes it has failed`,
        );
      }
      if (info) reportStored(info, source, performance.now() - startedMs, this.json);
      else this.reportSkipped(this.store.info(name), source);
    } catch (error) {
      if (this.stored.length > 0) await this.store.remove(this.stored);
      throw error;
    } finally {
      this.line.end();
    }
  }

  private reportSkipped(info: SnapshotInfo, source: PageSource): void {
    const { name, labels } = info;
    const isLabeled = hasLabels(info, this.options.labels ?? {});
    if (this.json) {
      printOut(`${JSON.stringify({ ...info, source: source.name, isSkipped: true, isLabeled })}\n`);
      return;
    }
    const kept = labelsText(labels) || 'none';
    const note = `; its labels are not changed: ${kept} (to change them, store rm ${name}, and put it again)`;
    printOut(`${name}: skipped: the store has it, with the same content${isLabeled ? '' : note}\n`);
  }

  private async putFile(path: string, name: string): Promise<void> {
    const source = openImage(path, { format: 'raw' });
    try {
      await this.putBeside(source, name);
    } finally {
      source.close();
    }
  }

  private async putTrace(trace: Trace, { bytes }: PageSource): Promise<void> {
    const { name } = this.options;
    const own = traceOf(trace, name, bytes ?? Number.MAX_SAFE_INTEGER);
    await this.putBeside(bytesSource(new TextEncoder().encode(traceText(own)), trace.name), `${name}.trace`);
  }

  private async putBeside(source: PageSource, name: string): Promise<void> {
    const { parent: _, ...options } = this.options;
    const info = await this.putNew(source, { ...options, name, belongsTo: this.options.name });
    if (info) this.stored.push(info.name);
  }

  /**
   * Store an image; undefined if the store has it and that is no error.
   * @throws PageferryError `bad-argument` if the store has another image of this name
   */
  private async putNew(source: PageSource, options: PutOptions): Promise<SnapshotInfo | undefined> {
    const { store } = this;
    const { name } = options;
    if (!this.isResuming || !store.has(name)) return store.put(source, options);
    const { threads, waitMs, signal, onProgress } = options;
    if (await store.holds(name, source, { threads, waitMs, signal, onProgress })) return undefined;
    throw badArgument(
      `${store.dir}: has a snapshot ${name} of other content than ${source.name}; remove it first, or give another --name`,
    );
  }
}

function reportStored(info: SnapshotInfo, source: PageSource, ms: number, json: boolean): void {
  if (json) {
    printOut(`${JSON.stringify({ ...info, source: source.name, ms: Math.round(ms) })}\n`);
    return;
  }
  const { name, bytes, pages, zeroPages, newPages, storedBytes } = info;
  printOut(
    `${name}: ${bytesText(bytes)}, ${pages} pages: ${zeroPages} zero, ${pages - zeroPages - newPages} known, ` +
      `${newPages} new in ${bytesText(storedBytes)}; ${msText(ms)}\n`,
  );
}
