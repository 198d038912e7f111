/** Most different failures that are logged: the log of a damaged disk must not fill another disk. */
const MAX_FAILURES = 1000;

/** Logs failed reads, once for each cause: the kernel and clients of NBD repeat a failed read. */
export class FailureLog {
  private readonly causes = new Set<string>();

  constructor(private readonly onLine: (line: string) => void) {}

  /** Log `line` if its cause is new. */
  add(line: string, cause = line): void {
    if (this.causes.has(cause) || this.causes.size > MAX_FAILURES) return;
    this.causes.add(cause);
    const isLogged = this.causes.size <= MAX_FAILURES;
    this.onLine(isLogged ? line : `${MAX_FAILURES} different failures: later ones are not logged`);
  }
}
