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
import type { Unit } from './sections.js';

const PREFIX = 'configuration/';

/** The configuration at the start of a stream: which machine it is, and what its subsections say of RAM. */
export class Configuration {
  machine: string | undefined;
  /** Blocks that both hosts share are not sent, and the table of blocks has addresses. */
  ignoresShared = false;
  private subsections = 0;

  unit(bytes: Uint8Array, at: number, end: number): Unit {
    if (at === end) return { need: 1 };
    if (this.machine === undefined) return this.head(bytes, at, end);
    return bytes[at] === sectionType.subsection ? this.subsection(bytes, at, end) : { done: true };
  }

  private head(bytes: Uint8Array, at: number, end: number): Unit {
    if (bytes[at] !== sectionType.configuration)
      return { reason: 'no configuration, which would tell the machine' };
    if (end - at < 5) return { need: 5 };
    const length = u32(bytes, at + 1);
    if (length > MAX_MACHINE_BYTES) return { reason: `a machine's name of ${length} bytes` };
    if (end - at < 5 + length) return { need: 5 + length };
    const machine = latin1(bytes, at + 5, at + 5 + length);
    if (!KNOWN_MACHINES.test(machine))
      return { reason: `machine "${machine}", the size of whose pages its stream does not tell` };
    this.machine = machine;
    return { taken: 5 + length };
  }

  private subsection(bytes: Uint8Array, at: number, end: number): Unit {
    if (++this.subsections > MAX_SUBSECTIONS)
      return { reason: `more than ${MAX_SUBSECTIONS} subsections of the configuration` };
    const unit = this.readSubsection(bytes, at, end);
    if ('need' in unit) this.subsections--;
    return unit;
  }

  private readSubsection(bytes: Uint8Array, at: number, end: number): Unit {
    if (end - at < 2) return { need: 2 };
    const body = at + 2 + bytes[at + 1]! + 4;
    if (end < body) return { need: body - at };
    const name = latin1(bytes, at + 2, body - 4);
    if (u32(bytes, body - 4) !== 1)
      return { reason: `subsection "${name}" of version ${u32(bytes, body - 4)}` };
    if (name === `${PREFIX}capabilities`) return this.capabilities(bytes, at, body, end);
    const payload = name === `${PREFIX}uuid` ? 16 : name === `${PREFIX}target-page-bits` ? 4 : undefined;
    if (payload === undefined) return { reason: `subsection "${name}"` };
    if (end < body + payload) return { need: body + payload - at };
    if (payload === 4 && u32(bytes, body) !== TARGET_PAGE_BITS)
      return { reason: `pages of 2^${u32(bytes, body)} bytes` };
    return { taken: body + payload - at };
  }

  private capabilities(bytes: Uint8Array, at: number, body: number, end: number): Unit {
    if (end < body + 4) return { need: body + 4 - at };
    const count = u32(bytes, body);
    if (count > MAX_CAPABILITIES) return { reason: `${count} capabilities` };
    let next = body + 4;
    for (let i = 0; i < count; i++) {
      if (end < next + 1) return { need: next + 1 - at };
      const nameEnd = next + 1 + bytes[next]!;
      if (end < nameEnd) return { need: nameEnd - at };
      const name = latin1(bytes, next + 1, nameEnd);
      if (name !== 'x-ignore-shared') return { reason: `capability "${name}"` };
      next = nameEnd;
    }
    this.ignoresShared = count > 0;
    return { taken: next - at };
  }
}
