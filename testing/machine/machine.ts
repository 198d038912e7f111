// Model of an encoder on a machine in virtual time: the real strategy chooses, tables give work and bytes.
//
//   scan (worker) ─► decide (in order) ─► pack (worker) ─► write (in order) ─► link ─► destination
//
// Threads share the cores equally with each other and with competing processes. On one core there is one
// thread, which does every step itself.
import { OutputRate } from '../../src/engine/encode/output-rate.js';
import type { GroupView, Strategy, StreamState } from '../../src/strategy/strategy.js';
import { MAX_WAITING_GROUPS, processMs, reportOf } from './destination.js';
import {
  type Chosen,
  FLOOR,
  type FloorCosts,
  floorAt,
  type Machine,
  maxInFlightBytes,
  type Outcome,
  type Stage,
  shareOf,
  type Task,
  zstdNames,
} from './model.js';
import { nameOf, piecesOf, type RecordedGroup } from './tables.js';

const MIB = 1 << 20;
const DEFAULT_GROUP_BYTES = 2 * MIB;
/** Groups that are scanned before the decision about them. */
const SCANNED_AHEAD = 2;
/** Delay with which the encoder measures the cores it gets. */
const CORES_DELAY_MS = 100;

/** Runs a strategy over groups and returns when the destination has the last one. */
export function runMachine(strategy: Strategy, groups: readonly RecordedGroup[], machine: Machine): Outcome {
  return new MachineRun(strategy, groups, machine).run();
}

class MachineRun {
  private now = 0;
  private readonly choices: Chosen[] = [];
  private tasks: Task[] = [];
  private readonly packQueue: number[] = [];
  private readonly isPacked: boolean[] = [];
  /** Pieces of the image of the group that is being scanned and of later ones: started, and to be done. */
  private scanning = 0;
  private piecesStarted = 0;
  private readonly piecesDone: number[] = [];
  /** Counts of groups that passed each stage, in order. */
  private decided = 0;
  private written = 0;
  private sent = 0;
  private arrived = 0;
  private linkBytes = 0;
  private destinationMs = 0;
  private packing = 0;
  private inFlightBytes = 0;
  private imageBytes = 0;
  private pendingMs = 0;
  private bytesOut = 0;
  /** Time in which the next group waited for the link. */
  private outputWaitMs = 0;
  private readonly threads: number;
  private readonly floor: FloorCosts;
  private readonly totalBytes: number;
  private readonly outputRate: OutputRate | undefined;
  private readonly state: StreamState;

  constructor(
    private readonly strategy: Strategy,
    private readonly groups: readonly RecordedGroup[],
    private readonly machine: Machine,
  ) {
    this.threads = machine.cores;
    this.floor = machine.floor ?? FLOOR;
    this.outputRate = machine.givenLink ? new OutputRate(() => machine.givenLink!) : undefined;
    this.totalBytes = groups.reduce((sum, { imageBytes }) => sum + imageBytes, 0);
    this.state = this.createState();
  }

  run(): Outcome {
    while (this.arrived < this.groups.length) {
      this.startTasks();
      this.advance();
    }
    return { finishMs: this.now, choices: this.choices };
  }

  private startTasks(): void {
    const isInline = this.threads === 1;
    const isDeciding = this.tasks.some(({ stage }) => stage === 'decide' || stage === 'write');
    let working = isInline ? this.tasks.length : this.tasks.length - (isDeciding ? 1 : 0);
    if (!isDeciding && (!isInline || working === 0) && this.startOrdered() && isInline) working = 1;
    while (working < this.threads && this.startWork()) working++;
  }

  /** Starts a step that is done in order: writing comes first, since the link may wait for it. */
  private startOrdered(): boolean {
    const { groups, floor, machine } = this;
    if (this.isPacked[this.written]) {
      const bytes = this.packedBytes(this.written);
      return this.start('write', this.written, (floor.writeMs * bytes) / MIB);
    }
    const next = groups[this.decided];
    if (!next || (this.piecesDone[this.decided] ?? 0) < piecesOf(next)) return false;
    const waiting = this.threads === 1 ? 0 : (machine.lookahead ?? 1);
    if (this.packing + this.packQueue.length >= this.threads + waiting) return false;
    if (this.isQueueFull(next)) return false;
    return this.start('decide', this.decided, (floor.decideMs * next.imageBytes) / MIB);
  }

  /** Whether the next group is not decided about because the link has not taken enough. */
  private isHeldByLink(): boolean {
    const next = this.groups[this.decided];
    return next !== undefined && this.sent < this.written && this.isQueueFull(next);
  }

  private isQueueFull({ bytes }: RecordedGroup): boolean {
    const group = this.strategy.groupBytes?.(this.state) ?? DEFAULT_GROUP_BYTES;
    return this.inFlightBytes > 0 && this.inFlightBytes + bytes > maxInFlightBytes(group, this.threads);
  }

  private startWork(): boolean {
    const group = this.packQueue.shift();
    if (group !== undefined) {
      this.packing++;
      return this.start('pack', group, this.costOf(group).ms);
    }
    const ahead = this.threads === 1 ? 1 : this.threads + SCANNED_AHEAD;
    const next = this.groups[this.scanning];
    if (!next || this.scanning - this.decided >= ahead) return false;
    const pieces = piecesOf(next);
    this.start('scan', this.scanning, (this.floor.scanMs * next.imageBytes) / pieces / MIB);
    this.piecesStarted++;
    if (this.piecesStarted === pieces) {
      this.scanning++;
      this.piecesStarted = 0;
    }
    return true;
  }

  private start(stage: Stage, group: number, work: number): true {
    this.tasks.push({ stage, group, work, ms: 0, cpuMs: 0 });
    return true;
  }

  /** Lets time pass until the next step of anything. */
  private advance(): void {
    const { machine, tasks, now } = this;
    const share = shareOf(machine, tasks.length, now);
    const speed = machine.speedAt(now) * share;
    const bytesPerMs = machine.linkAt(now) / 8000;
    let ms = Infinity;
    for (const { work } of tasks) ms = Math.min(ms, work / speed);
    const { isSending } = this;
    if (isSending) ms = Math.min(ms, this.linkBytes / bytesPerMs);
    if (this.arrived < this.sent) ms = Math.min(ms, this.destinationMs);
    for (const step of machine.steps ?? []) if (step > now) ms = Math.min(ms, step - now);
    if (ms === Infinity) throw new Error(`the model is stuck at ${now} ms`);
    if (this.isHeldByLink()) this.outputWaitMs += ms;
    this.now = now + ms;
    if (isSending) this.linkBytes -= ms * bytesPerMs;
    if (this.arrived < this.sent) this.destinationMs -= ms;
    for (const task of tasks) {
      task.work -= ms * speed;
      task.ms += ms;
      task.cpuMs += ms * share;
    }
    this.endSteps(isSending);
  }

  private endSteps(isSending: boolean): void {
    const ended = this.tasks.filter(({ work }) => work < 1e-9);
    if (ended.length > 0) this.tasks = this.tasks.filter(({ work }) => work >= 1e-9);
    for (const task of ended) this.end(task);
    if (this.arrived < this.sent && this.destinationMs < 1e-9) {
      this.arrived++;
      this.startDestination();
    }
    if (isSending && this.linkBytes < 1e-6) {
      this.inFlightBytes -= this.groups[this.sent]!.bytes;
      this.sent++;
      this.outputRate?.recordWrite(this.packedBytes(this.sent - 1), this.now, this.waitingBytes());
      if (this.sent - this.arrived === 1) this.startDestination();
      if (this.sent < this.written) this.linkBytes = this.packedBytes(this.sent);
    }
  }

  private startDestination(): void {
    if (this.arrived >= this.sent) return;
    const { destination } = this.machine;
    const { name } = this.choices[this.arrived]!.packing;
    if (destination) this.destinationMs = processMs(destination, this.groups[this.arrived]!, name);
  }

  /** Whether the link has a group to send, and the destination takes it. */
  private get isSending(): boolean {
    return this.sent < this.written && this.sent - this.arrived < MAX_WAITING_GROUPS;
  }

  private end({ stage, group, ms, cpuMs }: Task): void {
    if (stage === 'scan') this.piecesDone[group] = (this.piecesDone[group] ?? 0) + 1;
    else if (stage === 'decide') this.decide(group);
    else if (stage === 'pack') this.packed(group, ms, cpuMs);
    else {
      if (this.sent === this.written) this.linkBytes = this.packedBytes(group);
      this.written++;
    }
  }

  private decide(group: number): void {
    const { bytes, imageBytes } = this.groups[group]!;
    this.imageBytes += imageBytes;
    const packing = this.strategy.pack!(this.view(group), this.state);
    this.decided++;
    this.choices.push({ atMs: this.now, group, packing });
    this.inFlightBytes += bytes;
    this.pendingMs += packing.expectedMs ?? 0;
    this.bytesOut += packing.expectedBytes ?? 0;
    this.packQueue.push(group);
  }

  private packed(group: number, ms: number, cpuMs: number): void {
    const { packing } = this.choices[group]!;
    const packedBytes = this.packedBytes(group);
    this.packing--;
    this.pendingMs -= packing.expectedMs ?? 0;
    this.bytesOut += packedBytes - (packing.expectedBytes ?? 0);
    const view = this.view(group);
    const measured = this.machine.isUnmeasured ? { ms } : { ms, cpuMs };
    this.strategy.onPacked?.({ packing, group: view, packedBytes, ...measured });
    this.isPacked[group] = true;
  }

  private costOf(group: number) {
    const name = nameOf(this.choices[group]!.packing);
    const cost = this.groups[group]!.costs.get(name);
    if (!cost) throw new Error(`no cost of ${name} is recorded`);
    return cost;
  }

  private packedBytes(group: number): number {
    return this.costOf(group).bytes;
  }

  private view(group: number): GroupView {
    const { bytes, estimatedBytes } = this.groups[group]!;
    return { kind: 'pages', bytes, pages: bytes / 4096, estimatedBytes };
  }

  private createState(): StreamState {
    const run = this;
    const { machine, threads } = this;
    const ifMeasured = <T>(value: () => T) => (machine.isUnmeasured ? undefined : value());
    return {
      get linkBitsPerSecond() {
        return run.outputRate?.bitsPerSecondAt(run.now) ?? machine.linkAt(run.now);
      },
      threads,
      get cores() {
        const atMs = Math.max(0, run.now - CORES_DELAY_MS);
        return ifMeasured(() => threads * shareOf(machine, threads, atMs));
      },
      get floorMsPerMiB() {
        const { now, bytesOut, imageBytes } = run;
        return ifMeasured(() => floorAt(machine, now, imageBytes > 0 ? bytesOut / imageBytes : 0.5));
      },
      get bytesRead() {
        return ifMeasured(() => run.imageBytes);
      },
      get bytesWaiting() {
        return ifMeasured(() => run.waitingBytes());
      },
      get destination() {
        const { destination } = machine;
        // From its first group on.
        return destination?.isSilent || run.arrived === 0 ? undefined : destination && reportOf(destination);
      },
      elapsedMs: () => run.now,
      get bytesOut() {
        return run.bytesOut;
      },
      get outputWaitMs() {
        return ifMeasured(() => run.outputWaitMs);
      },
      get pendingMs() {
        return run.pendingMs;
      },
      handoverMs: () => 0,
      ...zstdNames(machine),
      get progress() {
        return { image: 0, share: run.imageBytes / run.totalBytes };
      },
    };
  }

  private waitingBytes(): number {
    let bytes = this.sent < this.written ? this.linkBytes : 0;
    for (let group = this.sent + 1; group < this.written; group++) bytes += this.packedBytes(group);
    return bytes;
  }
}
