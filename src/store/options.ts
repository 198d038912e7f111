// Options of a store's operations.

/** Options of every call that writes to a store. */
export interface WriterOptions {
  /** Maximum wait for another program that writes to the store, in ms; default 0. */
  readonly waitMs?: number;
  readonly signal?: AbortSignal;
}

/** Options of `Store.put`. */
export interface PutOptions extends WriterOptions {
  readonly name: string;
  /** Snapshot that the image is coded against. */
  readonly parent?: string;
  /** Snapshot that this one belongs to, and is removed with. */
  readonly belongsTo?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Threads that pack; default 1. */
  readonly threads?: number;
  /** Level of zstd, 1 to 22; default 3. */
  readonly level?: number;
  /** Time of creation; default: now. */
  readonly created?: Date;
  readonly onProgress?: (bytes: number) => void;
}

/** Options of `Store.holds`. */
export type CompareOptions = WriterOptions & Pick<PutOptions, 'threads' | 'onProgress'>;

/** Options of `Store.prune`. */
export interface PruneOptions extends WriterOptions {
  /** Only snapshots with all of these labels are considered; the others are kept. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Return the decisions without removing snapshots; default false. */
  readonly dryRun?: boolean;
}

/** Options of `Store.get`. */
export interface GetOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (bytes: number) => void;
}

/** Options of opening a store. */
export interface OpenOptions {
  /** The file with the secret of an encrypted store. */
  readonly keyFile?: string | undefined;
}
