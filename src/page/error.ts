/** What went wrong, for programs; the message says it for people, with numbers. */
export type ErrorCode =
  | 'bad-argument'
  | 'bad-stream'
  | 'unsupported'
  | 'wrong-base'
  | 'not-identical'
  | 'limit'
  | 'bad-image'
  | 'io';

/** The one error class of this package. */
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
