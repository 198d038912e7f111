// Paragraphs that several help texts share.

export const IMAGE_DETAILS =
  'IMAGE is raw RAM, an ELF core (dump-guest-memory, gcore), a saved QEMU migration (migrate exec:cat > FILE), a libvirt save file, or - for raw RAM from standard input.';

export const REPORT_DETAILS =
  'The report is printed on standard error where standard output holds the data (-o -).';
