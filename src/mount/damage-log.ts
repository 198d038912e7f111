import type { ServedImage } from './served-image.js';

/** Most different failures that are logged: the log of a damaged disk must not fill another disk. */
const MAX_LINES = 1000;

/** Logs failed reads, once for each cause: the kernel repeats a failed read. */
export class DamageLog {
  private readonly messages = new Set<string>();
  /** Reads that failed. */
  count = 0;

  constructor(
    /** Name of an image's file. */
    private readonly fileName: (image: ServedImage) => string,
    private readonly onLine: (line: string) => void,
  ) {}

  /** Log a line that is not about damage, once. */
  note(line: string): void {
    if (this.messages.has(line)) return;
    this.messages.add(line);
    this.onLine(line);
  }

  /** Count a failed read, and log it if its cause is new. */
  readonly report = (image: ServedImage, offset: number, error: unknown): void => {
    this.count++;
    const message = error instanceof Error ? error.message : String(error);
    if (this.messages.has(message) || this.messages.size > MAX_LINES) return;
    this.messages.add(message);
    if (this.messages.size > MAX_LINES)
      this.onLine(`${MAX_LINES} different failures: later ones are not logged`);
    else this.onLine(`${this.fileName(image)}: reading at byte ${offset} failed (EIO): ${message}`);
  };
}
