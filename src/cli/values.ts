// Parsers of option values. Each throws a UsageError that says what is wrong and what is expected; the caller
// adds the flag.
import { PageferryError } from '../page/error.js';
import { strategyByName } from '../strategy/registry.js';
import type { Strategy } from '../strategy/strategy.js';
import { PAGE_BYTES } from '../stream/format.js';
import { UsageError } from './usage-error.js';

const MAX_BITS_PER_SECOND = 1e15;
const MAX_BYTES_PER_SECOND = 1e14;
const MAX_MS = 1e9;

/** A file name, or - where the command takes standard input or output. */
export function fileName(text: string): string {
  if (text === '') throw new UsageError('an empty file name');
  return text;
}

/** The file of an HTML page: standard output holds the summary. */
export function pageFile(text: string): string {
  if (text === '-') throw new UsageError('standard output holds the summary; write a file name');
  return fileName(text);
}

/** `100Mbit`, `2.5Gbit`, `1Gbps`, `9600bit` as bits per second. */
export function bitRate(text: string): number {
  const rate = scaled(text, /^(\d+(?:\.\d+)?)([kmgt]?)(?:bit(?:\/s)?|bps)$/i, 1000);
  if (rate >= 1 && rate <= MAX_BITS_PER_SECOND) return rate;
  throw new UsageError('not a rate; write 100Mbit, 1Gbit or 10Gbit');
}

/** `200M`, `1.5GB/s` as bytes per second. */
export function byteRate(text: string): number {
  const rate = scaled(text, /^(\d+(?:\.\d+)?)([kmgt]?)(?:b(?:\/s)?)?$/i, 1000);
  if (rate >= 1 && rate <= MAX_BYTES_PER_SECOND) return rate;
  throw new UsageError('not a rate; write bytes per second as 200M or 1G');
}

/** A parser of `4096`, `256M`, `1GiB` as bytes, at most `maxText`. */
export function byteCount(maxText: string, minText = '0'): (text: string) => number {
  const [min, max] = [bytesOf(minText), bytesOf(maxText)];
  return (text) => {
    const bytes = bytesOf(text);
    if (Number.isNaN(bytes)) throw new UsageError('not a size; write 4096, 256M or 1G');
    if (bytes > max) throw new UsageError(`too large; at most ${maxText}`);
    if (bytes < min) throw new UsageError(`too small; at least ${minText}`);
    return bytes;
  };
}

/** A page size of the stream format, in bytes. */
export function pageBytes(text: string): number {
  const bytes = bytesOf(text);
  if (PAGE_BYTES.some((known) => known === bytes)) return bytes;
  throw new UsageError(`not a page size; write ${alternatives(PAGE_BYTES.map(String))}`);
}

/** A parser of whole numbers from `min` to `max`. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new UsageError(`not a whole number from ${min} to ${max}`);
  };
}

/** A duration in milliseconds, with decimals. */
export function milliseconds(text: string): number {
  const ms = decimal(text);
  if (ms <= MAX_MS) return ms;
  throw new UsageError(`not a duration; write milliseconds from 0 to ${MAX_MS}`);
}

/** A decimal number, else NaN. */
export function decimal(text: string): number {
  return /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
}

/** A packing strategy by name. */
export function strategy(name: string): Strategy {
  try {
    return fromRegistry(() => strategyByName(name));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(
      error.message.replace(`strategy "${name}": `, (prefix, at) => (at === 0 ? '' : prefix)),
    );
  }
}

/** What a registry finds under a name; its error lists the known names. */
export function fromRegistry<T>(find: () => T): T {
  try {
    return find();
  } catch (error) {
    if (error instanceof PageferryError && error.code === 'bad-argument') throw new UsageError(error.message);
    throw error;
  }
}

/** "1, 2 or 3" */
export function alternatives(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
}

function bytesOf(text: string): number {
  return scaled(text, /^(\d+)([kmgt]?)(?:i?b)?$/i, 1024);
}

/** A number with a unit prefix k, m, g or t; else NaN. */
function scaled(text: string, pattern: RegExp, step: number): number {
  const match = pattern.exec(text);
  return match ? Number(match[1]) * step ** ' kmgt'.indexOf(match[2]!.toLowerCase() || ' ') : Number.NaN;
}
