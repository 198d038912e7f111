import {
  KNOWN_MACHINES,
  latin1,
  MAX_CAPABILITIES,
  MAX_MACHINE_BYTES,
  MAX_SUBSECTIONS,
  sectionType,
  TARGET_PAGE_BITS,
  u32,
} from './format.js';
import type { ParseResult } from './sections.js';

const PREFIX = 'configuration/';

/**
 * Parser of the configuration section: the machine's name, and the subsections that affect how RAM is sent.
 */
export class Configuration {
  machine: string | undefined;
  /** x-ignore-shared: blocks that both hosts share are not sent, and the table of blocks has addresses. */
  ignoresShared = false;
  /** The guest's UUID, of validate-uuid. */
  uuid: Uint8Array | undefined;
  /** mapped-ram: pages are at fixed offsets of a file. */
  hasMappedRam = false;
  private subsections = 0;

  /** `allowsMappedRam`: the reader has the file that such a stream is part of. */
  constructor(private readonly allowsMappedRam = false) {}

  /** Parse the next part of the section. */
  parse(bytes: Uint8Array, at: number, end: number): ParseResult {
    if (at === end) return { needed: 1 };
    if (this.machine === undefined) return this.head(bytes, at, end);
    return bytes[at] === sectionType.subsection ? this.subsection(bytes, at, end) : { ended: true };
  }

  private head(bytes: Uint8Array, at: number, end: number): ParseResult {
    if (bytes[at] !== sectionType.configuration)
      return { reason: 'no configuration section, so the machine is unknown' };
    if (end - at < 5) return { needed: 5 };
    const length = u32(bytes, at + 1);
    if (length > MAX_MACHINE_BYTES) return { reason: `a machine name of ${length} bytes` };
    if (end - at < 5 + length) return { needed: 5 + length };
    const machine = latin1(bytes, at + 5, at + 5 + length);
    if (!KNOWN_MACHINES.test(machine))
      return { reason: `machine "${machine}", whose stream does not state its target page size` };
    this.machine = machine;
    return { consumed: 5 + length };
  }

  private subsection(bytes: Uint8Array, at: number, end: number): ParseResult {
    if (++this.subsections > MAX_SUBSECTIONS)
      return { reason: `more than ${MAX_SUBSECTIONS} subsections of the configuration` };
    const result = this.parseSubsection(bytes, at, end);
    if ('needed' in result) this.subsections--;
    return result;
  }

  private parseSubsection(bytes: Uint8Array, at: number, end: number): ParseResult {
    if (end - at < 2) return { needed: 2 };
    const body = at + 2 + bytes[at + 1]! + 4;
    if (end < body) return { needed: body - at };
    const name = latin1(bytes, at + 2, body - 4);
    if (u32(bytes, body - 4) !== 1)
      return { reason: `subsection "${name}" of version ${u32(bytes, body - 4)}` };
    if (name === `${PREFIX}capabilities`) return this.capabilities(bytes, at, body, end);
    const payload = name === `${PREFIX}uuid` ? 16 : name === `${PREFIX}target-page-bits` ? 4 : undefined;
    if (payload === undefined) return { reason: `subsection "${name}"` };
    if (end < body + payload) return { needed: body + payload - at };
    if (payload === 4 && u32(bytes, body) !== TARGET_PAGE_BITS)
      return { reason: `target pages of 2^${u32(bytes, body)} bytes` };
    if (payload === 16) this.uuid = bytes.slice(body, body + 16);
    return { consumed: body + payload - at };
  }

  private capabilities(bytes: Uint8Array, at: number, body: number, end: number): ParseResult {
    if (end < body + 4) return { needed: body + 4 - at };
    const count = u32(bytes, body);
    if (count > MAX_CAPABILITIES) return { reason: `${count} capabilities` };
    let next = body + 4;
    for (let i = 0; i < count; i++) {
      if (end < next + 1) return { needed: next + 1 - at };
      const nameEnd = next + 1 + bytes[next]!;
      if (end < nameEnd) return { needed: nameEnd - at };
      const name = latin1(bytes, next + 1, nameEnd);
      if (name === 'x-ignore-shared') this.ignoresShared = true;
      else if (name === 'mapped-ram' && this.allowsMappedRam) this.hasMappedRam = true;
      else return { reason: `capability "${name}"` };
      next = nameEnd;
    }
    return { consumed: next - at };
  }
}
