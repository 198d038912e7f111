import { BlockList } from './block-list.js';
import { COMMAND_HEAD_BYTES, interpretCommand, parseCommand } from './commands.js';
import { Configuration } from './configuration.js';
import type { QemuEvents } from './events.js';
import { COMMANDS, sectionType, u16, u32 } from './format.js';
import { InputBuffer } from './input-buffer.js';
import { RamRecords } from './ram-records.js';
import {
  type ParseResult,
  parseFooter,
  parseMagic,
  parseSectionPart,
  parseSectionStart,
} from './sections.js';

/** Kind of the next bytes of the stream. */
type Next = 'magic' | 'configuration' | 'section' | 'blocks' | 'records' | 'footer' | 'package' | 'rest';

/** Position of the end of a stream that is cut short, by the kind of the next bytes. */
const POSITIONS: Readonly<Record<Next, string>> = {
  magic: 'inside its first 8',
  configuration: 'inside the configuration',
  section: 'between two sections',
  blocks: 'inside the table of RAM blocks',
  records: 'inside a RAM section',
  footer: 'before the footer of a RAM section',
  package: 'inside a package (PACKAGED)',
  rest: 'inside device state',
};

/**
 * Parser of a migration stream, pushed in pieces of any size: see `QemuEvents` for what it reports. It never
 * throws for what it reads: bytes that it cannot parse are reported as literals until the end, after
 * `onOpaque`. It buffers at most 64 KiB.
 */
export class QemuStreamReader {
  /**
   * `devices`: all RAM was read, the rest is literal. `ended`: postcopy has ended. `opaque`: the rest cannot
   * be parsed and is literal.
   */
  state: 'reading' | 'devices' | 'ended' | 'opaque' = 'reading';
  /** Whether the stream has switched to postcopy. */
  postcopy = false;
  private next: Next = 'magic';
  private readonly input = new InputBuffer((bytes, at, end) => this.parse(bytes, at, end));
  private readonly configuration = new Configuration();
  private list: BlockList | undefined;
  private records: RamRecords | undefined;
  /** Number of the RAM section, and the kind of the section that is read. */
  private ramId = -1;
  private part: 'start' | 'part' | 'end' = 'start';
  private ramEnded = false;
  /** Page sizes that POSTCOPY_ADVISE has stated, or'ed. */
  private pageSizes = 0;
  private packageBytes = 0;

  constructor(private readonly events: QemuEvents) {}

  /** Whether blocks that both hosts share are not sent (x-ignore-shared). */
  get ignoresShared(): boolean {
    return this.configuration.ignoresShared;
  }

  /** Parse the next bytes of the stream. */
  push(piece: Uint8Array): void {
    this.input.push(piece);
  }

  /**
   * Offset in the stream of bytes[at] of the bytes that an event was called with. Only valid during that
   * call.
   */
  offsetOf(at: number): number {
    return this.input.origin + at;
  }

  /**
   * End the stream: report buffered bytes as literals. Return the position at which the stream was cut short;
   * undefined if it was not, or was inside device state, where this cannot be detected.
   */
  finish(): string | undefined {
    const buffered = this.input.release();
    if (buffered.length > 0) this.events.onLiteral(buffered, 0, buffered.length);
    return this.state === 'reading' ? `after ${this.input.bytes} bytes, ${POSITIONS[this.next]}` : undefined;
  }

  /**
   * Stop parsing: all further bytes are literals. `reason`: of the caller, such as a second connection
   * (multifd). Must not be called from inside an event.
   */
  stopParsing(reason: string): void {
    if (this.state !== 'reading') return;
    const buffered = this.input.release();
    this.setOpaque(reason, this.offsetOf(0));
    if (buffered.length > 0) this.events.onLiteral(buffered, 0, buffered.length);
  }

  private parse(bytes: Uint8Array, at: number, end: number): number {
    while (at < end) {
      if (this.next === 'rest') {
        this.events.onLiteral(bytes, at, end);
        return end;
      }
      if (this.next === 'package') at = this.copyPackage(bytes, at, end);
      else if (this.next === 'records') {
        at = this.parseRecords(bytes, at, end);
        if (this.next === 'records') return at;
      } else {
        const result = this.parseItem(bytes, at, end);
        if ('needed' in result) {
          this.input.needed = result.needed;
          return at;
        }
        if ('reason' in result) this.setOpaque(result.reason, this.offsetOf(at));
        if ('consumed' in result) at += result.consumed;
      }
    }
    return at;
  }

  private parseItem(bytes: Uint8Array, at: number, end: number): ParseResult {
    if (this.next === 'section') return this.parseSection(bytes, at, end);
    if (this.next === 'configuration') return this.parseConfiguration(bytes, at, end);
    if (this.next === 'blocks') return this.parseBlocks(bytes, at, end);
    if (this.next === 'magic') return this.copy(parseMagic(bytes, at, end), bytes, at, 'configuration');
    const footer = this.copy(parseFooter(bytes, at, end, this.ramId), bytes, at, 'section');
    if ('consumed' in footer) this.events.onFlush?.('footer');
    return footer;
  }

  /** Report the consumed bytes as a literal, before `next`. */
  private copy(result: ParseResult, bytes: Uint8Array, at: number, next: Next): ParseResult {
    if ('consumed' in result) {
      this.next = next;
      this.events.onLiteral(bytes, at, at + result.consumed);
    }
    return result;
  }

  private parseConfiguration(bytes: Uint8Array, at: number, end: number): ParseResult {
    const previous = this.configuration.machine;
    const result = this.copy(this.configuration.parse(bytes, at, end), bytes, at, 'configuration');
    const { machine } = this.configuration;
    if (previous === undefined && machine !== undefined) this.events.onMachine?.(machine);
    if ('ended' in result) this.next = 'section';
    return result;
  }

  private parseSection(bytes: Uint8Array, at: number, end: number): ParseResult {
    switch (bytes[at]) {
      case sectionType.command:
        return this.parseCommand(bytes, at, end);
      case sectionType.start:
        return this.parseStart(bytes, at, end);
      case sectionType.part:
        return this.parsePart(bytes, at, end, 'part');
      case sectionType.end:
        return this.parsePart(bytes, at, end, 'end');
      case sectionType.full:
      case sectionType.eof:
        return this.endRam(bytes[at]!);
      default:
        return { reason: `section type 0x${bytes[at]!.toString(16)}` };
    }
  }

  private parseStart(bytes: Uint8Array, at: number, end: number): ParseResult {
    const head = parseSectionStart(bytes, at, end);
    if ('consumed' in head && this.list) return { reason: 'a second start of RAM' };
    const result = this.copy(head, bytes, at, 'blocks');
    if ('consumed' in result) {
      this.ramId = u32(bytes, at + 1);
      this.list = new BlockList(this.pageSizes, this.configuration.ignoresShared);
    }
    return result;
  }

  private parseBlocks(bytes: Uint8Array, at: number, end: number): ParseResult {
    const list = this.list!;
    const result = this.copy(list.parse(bytes, at, end), bytes, at, 'blocks');
    if ('ended' in result) {
      this.records = new RamRecords(list.blocks);
      this.next = 'records';
      this.events.onBlocks?.(list.blocks);
    }
    return result;
  }

  private parsePart(bytes: Uint8Array, at: number, end: number, part: 'part' | 'end'): ParseResult {
    if (this.ramEnded) return { reason: 'more RAM after the end of RAM' };
    const result = this.copy(parseSectionPart(bytes, at, end, this.ramId), bytes, at, 'records');
    if ('consumed' in result) this.part = part;
    return result;
  }

  private parseRecords(bytes: Uint8Array, at: number, end: number): number {
    const records = this.records!;
    const stopped = records.parse(bytes, at, end, this.events);
    if (records.outcome === 'needs-more') this.input.needed = records.needed;
    else if (records.outcome === 'unsupported') this.setOpaque(records.reason, this.offsetOf(stopped));
    else {
      this.ramEnded = this.part === 'end';
      this.next = 'footer';
      this.events.onFlush?.(this.part);
    }
    return stopped;
  }

  private endRam(type: number): ParseResult {
    const found = type === sectionType.full ? 'device state' : 'the end of the stream';
    if (!this.ramEnded) return { reason: `${found} before the end of RAM` };
    this.state = this.postcopy ? 'ended' : 'devices';
    this.next = 'rest';
    if (!this.postcopy) this.events.onDeviceState?.();
    return { consumed: 0 };
  }

  private parseCommand(bytes: Uint8Array, at: number, end: number): ParseResult {
    const result = parseCommand(bytes, at, end);
    if (!('consumed' in result)) return result;
    const command = COMMANDS[u16(bytes, at + 1)]!;
    const payload = bytes.subarray(at + COMMAND_HEAD_BYTES, at + result.consumed);
    const effect = interpretCommand(command, payload, this.records && this.list!.blocks);
    if ('reason' in effect) return effect;
    if (effect.startsPostcopy) this.startPostcopy();
    this.pageSizes = effect.pageSizes ?? this.pageSizes;
    this.packageBytes = effect.packageBytes ?? 0;
    this.copy(result, bytes, at, this.packageBytes > 0 ? 'package' : 'section');
    this.events.onCommand?.(command, payload);
    if (effect.discard) this.events.onDiscard?.(effect.discard.block, effect.discard.ranges);
    this.events.onFlush?.('command');
    return result;
  }

  private startPostcopy(): void {
    if (this.postcopy) return;
    this.postcopy = true;
    this.records!.postcopy = true;
    this.events.onPostcopy?.();
  }

  private copyPackage(bytes: Uint8Array, at: number, end: number): number {
    const to = Math.min(end, at + this.packageBytes);
    this.events.onLiteral(bytes, at, to);
    this.packageBytes -= to - at;
    if (this.packageBytes === 0) {
      this.next = 'section';
      this.events.onFlush?.('command');
    }
    return to;
  }

  private setOpaque(reason: string, at: number): void {
    this.state = 'opaque';
    this.next = 'rest';
    this.events.onOpaque?.(reason, at, this.records?.block ?? -1);
  }
}
