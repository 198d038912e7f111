/** Wrong usage of the command line: the program prints the message and exits with status 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
