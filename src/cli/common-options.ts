// Options that several commands have.
import { DIRECTORY_FORMATS } from '../image/directory-formats.js';
import { IMAGE_FORMATS } from '../image/formats.js';
import { UsageError } from './usage-error.js';
import { alternatives, byteCount, fileName } from './values.js';

const FORMAT_NAMES = [...DIRECTORY_FORMATS, ...IMAGE_FORMATS].map(({ name }) => name);

/** Name of an image format. */
export const FORMAT_OPTION = {
  value: 'NAME',
  help: `format of the input images: ${alternatives(FORMAT_NAMES)}`,
  parse: formatName,
  names: FORMAT_NAMES,
  defaultText: 'detected',
} as const;

/** Format of the images that a stream was packed against. */
export const BASE_FORMAT_OPTION = {
  ...FORMAT_OPTION,
  help: FORMAT_OPTION.help.replace('input images', 'base images'),
} as const;

/** Permissions of the files that a command writes. */
export const MODE_OPTION = {
  value: 'MODE',
  help: 'permissions of written files, in octal',
  parse: fileMode,
  defaultText: '0600, or those of a replaced file',
} as const;

/** Limit on the images of one stream. */
export const MAX_BYTES_OPTION = {
  value: 'N',
  help: 'limit on the bytes of all images of a stream together',
  parse: byteCount('4096T', '1'),
  default: '16T',
} as const;

/** Images that a stream was packed against. */
export const BASE_OPTION = {
  value: 'IMAGE',
  help: 'image that the stream was packed against',
  parse: fileName,
  repeatable: true,
} as const;

function formatName(name: string): string {
  if (FORMAT_NAMES.includes(name)) return name;
  throw new UsageError(`unknown image format; write ${alternatives(FORMAT_NAMES)}`);
}

function fileMode(text: string): number {
  if (/^0?[0-7]{3}$/.test(text)) return Number.parseInt(text, 8);
  throw new UsageError('not a file mode; write 3 octal digits as 0600 or 640');
}
