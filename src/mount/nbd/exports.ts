import type { ServedImage } from '../served-image.js';

/** The images of a server, by the names of their exports. */
export class Exports {
  private readonly byName: ReadonlyMap<string, ServedImage>;
  readonly names: readonly string[];

  constructor(images: readonly ServedImage[]) {
    this.byName = new Map(images.map((image) => [image.name, image]));
    this.names = [...this.byName.keys()];
  }

  /** Return the export of a name; the empty name is that of the only one. */
  find(name: string): ServedImage | undefined {
    const isOnly = name === '' && this.names.length === 1;
    return this.byName.get(isOnly ? this.names[0]! : name);
  }

  /** Return the message to a client that asked for a name without an export. */
  missing(name: string): string {
    const count = this.names.length;
    if (name !== '') return `no export has this name; there are ${count}, which nbdinfo --list names`;
    return count === 0 ? 'there are no exports' : `name one of the ${count} exports`;
  }
}
