// Checks what a caller's own source returns, so that a mistake in it is reported by its name instead of
// corrupting an image.
import { badArgument, PageferryError } from './error.js';
import type { PageSource } from './source.js';

/** `skipZeros` skips multiples of this, the largest page size. */
const SKIP_BYTES = 65536;

/** What a failed `readAt` means for its caller; added to the error. */
const STAY_OPEN = 'a source that is read again has to stay open until the stream is finished';

/**
 * Return a source that reads from `source` and checks every value that it returns.
 * @throws PageferryError `bad-argument` at once when `source` is not a source, later when it returns what it
 * must not
 */
export function checkedSource(source: PageSource): PageSource {
  const name = checkShape(source);
  let ended = false;
  const checkCount = (value: unknown, max: number, call: string): number => {
    if (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= max) return value as number;
    discardPromise(value);
    throw badArgument(
      `${name}: ${call} returned ${valueText(value)}, expected a number of bytes, 0 … ${max}`,
    );
  };
  const checkRead = (value: unknown, max: number): number => {
    const bytes = checkCount(value, max, 'read');
    if (ended && bytes > 0) throw badArgument(`${name}: read returned ${bytes} bytes after the end`);
    ended ||= bytes === 0;
    return bytes;
  };
  return {
    name,
    ...(source.bytes === undefined ? {} : { bytes: source.bytes }),
    read(into) {
      const result: unknown = source.read(into);
      return isPromise(result)
        ? Promise.resolve(result).then((value) => checkRead(value, into.length))
        : checkRead(result, into.length);
    },
    ...(source.readAt && {
      readAt(into: Uint8Array, position: number) {
        let bytes: unknown;
        try {
          bytes = source.readAt!(into, position);
        } catch (cause) {
          throw new PageferryError(
            'io',
            `${name}: cannot read at ${position}: ${text(cause)}; ${STAY_OPEN}`,
            {
              cause,
            },
          );
        }
        return checkCount(bytes, into.length, 'readAt');
      },
    }),
    ...(source.fileRange &&
      source.readAt &&
      source.bytes !== undefined && {
        fileRange: (position: number, bytes: number) => source.fileRange!(position, bytes),
        zerosAt: (position: number, maxBytes: number) =>
          checkCount(source.zerosAt?.(position, maxBytes) ?? 0, maxBytes, 'zerosAt'),
      }),
    ...(source.skipZeros && {
      skipZeros(maxBytes: number) {
        if (ended) return 0;
        const bytes = checkCount(source.skipZeros!(maxBytes), maxBytes, 'skipZeros');
        // Less than a multiple is only skipped at the end of the image: `read` has to confirm it.
        ended ||= bytes % SKIP_BYTES !== 0;
        return bytes;
      },
    }),
  };
}

function checkShape(source: PageSource): string {
  if (typeof source !== 'object' || source === null || ArrayBuffer.isView(source))
    throw badArgument(
      `source: expected a PageSource, got ${ArrayBuffer.isView(source) ? 'bytes: bytesSource makes a source of them' : valueText(source)}`,
    );
  const { name, bytes, read, readAt, skipZeros } = source ?? {};
  const problem =
    typeof name !== 'string'
      ? `name is ${valueText(name)}, expected a string`
      : typeof read !== 'function'
        ? `read is ${valueText(read)}, expected a function`
        : bytes !== undefined && !(Number.isSafeInteger(bytes) && bytes >= 0)
          ? `bytes is ${valueText(bytes)}, expected a whole number or undefined`
          : [readAt, skipZeros].some((method) => method !== undefined && typeof method !== 'function')
            ? 'readAt and skipZeros have to be functions or undefined'
            : undefined;
  if (problem === undefined) return name;
  throw badArgument(`source${typeof name === 'string' ? ` ${name}` : ''}: ${problem}`);
}

/** Whether a value is a promise or a thenable. */
export function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | undefined)?.then === 'function';
}

/** Handle the rejection of a promise that was returned where none may be. */
export function discardPromise(value: unknown): void {
  if (isPromise(value)) value.then(undefined, () => {});
}

/** A value for an error message. */
export function valueText(value: unknown): string {
  if (isPromise(value)) return 'a promise';
  if (typeof value === 'object' && value !== null) {
    const keys = Object.keys(value).slice(0, 3).join(', ');
    return keys ? `an object with ${keys}` : 'an object';
  }
  if (typeof value === 'function') return 'a function';
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 40)) : String(value);
}

function text(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
