import { BlockList } from './block-list.js';
import { advisedSizes, discarded } from './commands.js';
import { Configuration } from './configuration.js';
import type { QemuEvents } from './events.js';
import { COMMANDS, sectionType, u16, u32 } from './format.js';
import { InputBuffer } from './input-buffer.js';
import { RamRecords } from './ram-records.js';
import { commandUnit, footerUnit, magicUnit, partUnit, startUnit, type Unit } from './sections.js';

/** What the next bytes are. `packed`: the inside of PACKAGED; `rest`: whatever it is, it is passed on. */
type Next = 'magic' | 'configuration' | 'section' | 'blocks' | 'records' | 'footer' | 'packed' | 'rest';

const COMMAND_HEAD_BYTES = 5;

const WHERE: Readonly<Record<Next, string>> = {
  magic: 'inside its first 8',
  configuration: 'inside its configuration',
  section: 'between two sections',
  blocks: 'inside its table of blocks',
  records: 'inside a section of RAM',
  footer: 'before the footer of a section of RAM',
  packed: 'inside what PACKAGED holds',
  rest: 'inside device state',
};

/**
 * Reads a migration stream of QEMU in pieces of any size and tells what it is made of: see `QemuEvents`. It never refuses: what it
 * does not understand is passed on as literals until the end, and `opaque` is told why. It keeps at most 64 KiB of the stream.
 */
export class QemuStreamReader {
  /** `devices`: all RAM was read, the rest is literal; `ended`: a postcopy's end was read; `opaque`: see the event. */
  state: 'reading' | 'devices' | 'ended' | 'opaque' = 'reading';
  /** The switch to postcopy has been passed. */
  postcopy = false;
  private next: Next = 'magic';
  private readonly pieces = new InputBuffer((bytes, at, end) => this.advance(bytes, at, end));
  private readonly configuration = new Configuration();
  private list: BlockList | undefined;
  private records: RamRecords | undefined;
  /** The number of RAM's section, and which part of it is read. */
  private ramId = -1;
  private part: 'start' | 'part' | 'end' = 'start';
  private ramEnded = false;
  /** See `advisedSizes`. */
  private pageSizes = 0;
  private packedBytes = 0;

  constructor(private readonly events: QemuEvents) {}

  /** Blocks that both hosts share are not sent (x-ignore-shared). */
  get ignoresShared(): boolean {
    return this.configuration.ignoresShared;
  }

  push(piece: Uint8Array): void {
    this.pieces.push(piece);
  }

  /** Where in the stream bytes[at] is, of the bytes that an event is called with; only during the call. */
  offsetOf(at: number): number {
    return this.pieces.origin + at;
  }

  /** The stream has ended. Tells where, if it may not end there. What was held comes as literal. */
  finish(): string | undefined {
    const held = this.pieces.release();
    if (held.length > 0) this.events.literal(held, 0, held.length);
    return this.state === 'reading' ? `after ${this.pieces.bytes} bytes, ${WHERE[this.next]}` : undefined;
  }

  /** From here on everything is passed on unread, because the caller knows a reason. Not to be called from within an event. */
  giveUp(reason: string): void {
    if (this.state !== 'reading') return;
    const held = this.pieces.release();
    this.opaque(reason, this.offsetOf(0));
    if (held.length > 0) this.events.literal(held, 0, held.length);
  }

  private advance(bytes: Uint8Array, at: number, end: number): number {
    while (at < end) {
      if (this.next === 'rest') {
        this.events.literal(bytes, at, end);
        return end;
      }
      if (this.next === 'packed') at = this.passPacked(bytes, at, end);
      else if (this.next === 'records') {
        at = this.readRecords(bytes, at, end);
        if (this.next === 'records') return at;
      } else {
        const unit = this.readUnit(bytes, at, end);
        if ('need' in unit) {
          this.pieces.need = unit.need;
          return at;
        }
        if ('reason' in unit) this.opaque(unit.reason, this.offsetOf(at));
        if ('taken' in unit) at += unit.taken;
      }
    }
    return at;
  }

  private readUnit(bytes: Uint8Array, at: number, end: number): Unit {
    if (this.next === 'section') return this.section(bytes, at, end);
    if (this.next === 'configuration') return this.configurationUnit(bytes, at, end);
    if (this.next === 'blocks') return this.blocksUnit(bytes, at, end);
    if (this.next === 'magic') return this.pass(magicUnit(bytes, at, end), bytes, at, 'configuration');
    const footer = this.pass(footerUnit(bytes, at, end, this.ramId), bytes, at, 'section');
    if ('taken' in footer) this.events.flush?.('footer');
    return footer;
  }

  /** What was taken is a literal, and `next` comes after it. */
  private pass(unit: Unit, bytes: Uint8Array, at: number, next: Next): Unit {
    if ('taken' in unit) {
      this.next = next;
      this.events.literal(bytes, at, at + unit.taken);
    }
    return unit;
  }

  private configurationUnit(bytes: Uint8Array, at: number, end: number): Unit {
    const known = this.configuration.machine;
    const unit = this.pass(this.configuration.unit(bytes, at, end), bytes, at, 'configuration');
    const { machine } = this.configuration;
    if (known === undefined && machine !== undefined) this.events.machine?.(machine);
    if ('done' in unit) this.next = 'section';
    return unit;
  }

  private section(bytes: Uint8Array, at: number, end: number): Unit {
    switch (bytes[at]) {
      case sectionType.command:
        return this.command(bytes, at, end);
      case sectionType.start:
        return this.start(bytes, at, end);
      case sectionType.part:
        return this.ramPart(bytes, at, end, 'part');
      case sectionType.end:
        return this.ramPart(bytes, at, end, 'end');
      case sectionType.full:
      case sectionType.eof:
        return this.afterRam(bytes[at]!);
      default:
        return { reason: `a section of type 0x${bytes[at]!.toString(16)}` };
    }
  }

  private start(bytes: Uint8Array, at: number, end: number): Unit {
    const head = startUnit(bytes, at, end);
    if ('taken' in head && this.list) return { reason: 'a second start of RAM' };
    const unit = this.pass(head, bytes, at, 'blocks');
    if ('taken' in unit) {
      this.ramId = u32(bytes, at + 1);
      this.list = new BlockList(this.pageSizes, this.configuration.ignoresShared);
    }
    return unit;
  }

  private blocksUnit(bytes: Uint8Array, at: number, end: number): Unit {
    const list = this.list!;
    const unit = this.pass(list.unit(bytes, at, end), bytes, at, 'blocks');
    if ('done' in unit) {
      this.records = new RamRecords(list.blocks);
      this.next = 'records';
      this.events.blocks?.(list.blocks);
    }
    return unit;
  }

  private ramPart(bytes: Uint8Array, at: number, end: number, part: 'part' | 'end'): Unit {
    if (this.ramEnded) return { reason: 'more RAM after its end' };
    const unit = this.pass(partUnit(bytes, at, end, this.ramId), bytes, at, 'records');
    if ('taken' in unit) this.part = part;
    return unit;
  }

  private readRecords(bytes: Uint8Array, at: number, end: number): number {
    const records = this.records!;
    const stopped = records.read(bytes, at, end, this.events);
    if (records.outcome === 'more') this.pieces.need = records.need;
    else if (records.outcome === 'foreign') this.opaque(records.reason, this.offsetOf(stopped));
    else {
      this.ramEnded = this.part === 'end';
      this.next = 'footer';
      this.events.flush?.(this.part);
    }
    return stopped;
  }

  private afterRam(type: number): Unit {
    const what = type === sectionType.full ? 'device state' : 'the end of the stream';
    if (!this.ramEnded) return { reason: `${what} before the end of RAM` };
    this.state = this.postcopy ? 'ended' : 'devices';
    this.next = 'rest';
    if (!this.postcopy) this.events.deviceState?.();
    return { taken: 0 };
  }

  private command(bytes: Uint8Array, at: number, end: number): Unit {
    const unit = commandUnit(bytes, at, end);
    if (!('taken' in unit)) return unit;
    const command = COMMANDS[u16(bytes, at + 1)]!;
    const payload = bytes.subarray(at + COMMAND_HEAD_BYTES, at + unit.taken);
    const sizes = command === 'POSTCOPY_ADVISE' ? advisedSizes(payload) : this.pageSizes;
    if (sizes === undefined) return { reason: 'postcopy of a target whose pages have not 4096 bytes' };
    const forgotten =
      command === 'POSTCOPY_RAM_DISCARD'
        ? discarded(payload, this.records ? this.list!.blocks : [])
        : undefined;
    if (forgotten && 'reason' in forgotten) return forgotten;
    if (command === 'PACKAGED' || command === 'POSTCOPY_LISTEN') {
      if (!this.records) return { reason: `command ${command} before RAM` };
      this.switchOver();
    }
    this.pageSizes = sizes;
    if (command === 'PACKAGED') this.packedBytes = u32(payload, 0);
    this.pass(unit, bytes, at, this.packedBytes > 0 ? 'packed' : 'section');
    this.events.command?.(command, payload);
    if (forgotten) this.events.discard?.(forgotten.block, forgotten.ranges);
    this.events.flush?.('command');
    return unit;
  }

  private switchOver(): void {
    if (this.postcopy) return;
    this.postcopy = true;
    this.records!.postcopy = true;
    this.events.postcopy?.();
  }

  private passPacked(bytes: Uint8Array, at: number, end: number): number {
    const to = Math.min(end, at + this.packedBytes);
    this.events.literal(bytes, at, to);
    this.packedBytes -= to - at;
    if (this.packedBytes === 0) {
      this.next = 'section';
      this.events.flush?.('command');
    }
    return to;
  }

  private opaque(reason: string, at: number): void {
    this.state = 'opaque';
    this.next = 'rest';
    this.events.opaque?.(reason, at, this.records?.block ?? -1);
  }
}
