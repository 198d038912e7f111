/** Wrong usage of the command line: the program prints the message and exits with status 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';

  /** `mistyped`: the word that is wrong, and the names that are right in its place. */
  constructor(
    message: string,
    readonly mistyped?: { readonly word: string; readonly known: readonly string[] },
  ) {
    super(message);
  }
}
