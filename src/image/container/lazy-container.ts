import type { PageSource } from '../../page/source.js';

/** Called with the bytes of memory that were compared so far, and their total. */
export type OnCompared = (done: number, total: number) => void;

/** A container whose description takes a while to compute. */
export interface LazyContainer extends PageSource {
  /** Compute the description before the first read, which waits for it otherwise. */
  prepare(onCompared: OnCompared): Promise<void>;
}

/** Create a container whose first read waits for `create`, unless `prepare` was called. */
export function createLazyContainer(
  name: string,
  create: (onCompared?: OnCompared) => Promise<PageSource>,
): LazyContainer {
  let created: Promise<PageSource> | undefined;
  let container: PageSource | undefined;
  return {
    name,
    async prepare(onCompared) {
      created ??= create(onCompared);
      await created;
    },
    async read(into) {
      created ??= create();
      container = await created;
      return container.read(into);
    },
    readAt(into, position) {
      return container ? container.readAt!(into, position) : 0;
    },
  };
}
