import type { PageSource } from '../../page/source.js';

/** Create a container whose description takes a while to compute: its first read waits for `create`. */
export function createLazyContainer(name: string, create: () => Promise<PageSource>): PageSource {
  let created: Promise<PageSource> | undefined;
  let container: PageSource | undefined;
  return {
    name,
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
