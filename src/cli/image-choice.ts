import type { PageReader } from '../engine/page-reader/page-reader.js';
import { badArgument } from '../page/error.js';
import { wholeNumber } from './values.js';

/** Names in an error. */
const MAX_NAMES = 10;
const imageNumber = wholeNumber(0, 0xffffffff);

/** Parse the value of `--image`: a number, or a name that is no number. */
export function imageChoice(text: string): number | string {
  return /^[-+]?[\d.]+$/.test(text) || text === '' ? imageNumber(text) : text;
}

/** Return the number of the image with a name, or a path that ends in it. @throws PageferryError */
export function numberOf(name: string, { images }: PageReader, file: string): number {
  const named = (matches: (candidate: string) => boolean) =>
    images.flatMap((image, number) => (matches(image.name) ? [number] : []));
  const exact = named((candidate) => candidate === name);
  const found = exact.length > 0 ? exact : named((candidate) => candidate.endsWith(`/${name}`));
  const [number] = found;
  if (number !== undefined && found.length === 1) return number;
  const problem =
    number === undefined
      ? `has no image of the name ${name}: its names are ${images
          .slice(0, MAX_NAMES)
          .map((image) => image.name)
          .join(', ')}${images.length > MAX_NAMES ? ', ...' : ''}`
      : `has ${found.length} images of the name ${name}: write the number of one (${found.join(', ')})`;
  throw badArgument(`${file}: ${problem}`);
}
