/** The kind of an error, for programs; the message describes it with numbers. */
export type ErrorCode =
  | 'bad-argument'
  | 'bad-stream'
  | 'unsupported'
  | 'wrong-base'
  | 'not-identical'
  | 'limit'
  | 'bad-image'
  | 'busy'
  | 'io';

/**
 * The error that this package throws. `cause` is the error that it results from, if any. In CommonJS each
 * entry has its own class: there, compare `name` instead of using `instanceof`.
 */
export class PageferryError extends Error {
  override readonly name = 'PageferryError';
  constructor(
    readonly code: ErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Return the error of a wrong argument or option. */
export function badArgument(message: string, options?: ErrorOptions): PageferryError {
  return new PageferryError('bad-argument', message, options);
}
