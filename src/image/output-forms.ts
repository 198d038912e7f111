import { elfForm } from './elf-core/elf-form.js';
import { kdumpForm, kdumpZstdForm } from './kdump/write/kdump-form.js';
import { limeForm } from './lime/lime-form.js';
import type { OutputForm } from './output-form.js';

/** All forms but the file that was packed and its plain memory. */
export const OUTPUT_FORMS: readonly OutputForm[] = [elfForm, kdumpForm, kdumpZstdForm, limeForm];
