import type { PageClass } from '../../codec/codec.js';
import { CODECS, type CodecName } from '../../codec/registry.js';

/** The classes of pages, in the order of a legend. */
const CLASS_ORDER: readonly PageClass[] = [
  'zero',
  'fill',
  'unchanged',
  'duplicate',
  'delta',
  'coded',
  'packed',
  'raw',
];

/** Every codec, in the order of a legend. */
export const CODECS_BY_CLASS = [...CODECS].sort(
  (a, b) => CLASS_ORDER.indexOf(a.pageClass) - CLASS_ORDER.indexOf(b.pageClass) || a.wireId - b.wireId,
);

/** Return the style class of a codec's pages. */
export function codecClass(name: CodecName): string {
  return `codec-${name}`;
}

/**
 * The style rules of all codecs: `--codec-NAME`, or the colour of the first codec of its class where the
 * palette has none.
 */
export const CODEC_RULES = CODECS_BY_CLASS.map(({ name, pageClass }) => {
  const first = CODECS_BY_CLASS.find((codec) => codec.pageClass === pageClass)!;
  const colour =
    first.name === name ? `var(--codec-${name})` : `var(--codec-${name}, var(--codec-${first.name}))`;
  return `.${codecClass(name)} { fill: ${colour}; }`;
}).join('\n');
