import { elfForm } from './elf-core/elf-form.js';
import type { OutputForm } from './output-form.js';

/** All forms but the file that was packed and its plain memory. */
export const OUTPUT_FORMS: readonly OutputForm[] = [elfForm];
