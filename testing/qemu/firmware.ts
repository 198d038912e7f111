/**
 * A guest without an operating system: 64 KiB of firmware that runs from the reset vector in real mode. It
 * fills 48 pages from 64 KiB on, each word with its segment; then, in a loop, it increments two words of
 * every other page and writes a full stop to the serial port. The guest needs a few KiB, starts at once and
 * never stops writing.
 *
 *            cli; cld; mov ax, 1000h
 *     fill:  mov es, ax; xor di, di
 *     word:  mov es:[di], ax; add di, 2; cmp di, 4096; jb word
 *            add ax, 100h; cmp ax, 4000h; jb fill
 *     round: mov ax, 1000h
 *     next:  mov es, ax; inc word es:[10h]; inc word es:[800h]; add ax, 200h; cmp ax, 4000h; jb next
 *            mov dx, 3F8h; mov al, '.'; out dx, al; xor cx, cx
 *     wait:  loop wait; jmp round
 */
const PROGRAM = `
  fa fc b8 00 10
  8e c0 31 ff
  26 89 05 83 c7 02 81 ff 00 10 72 f4
  05 00 01 3d 00 40 72 e8
  b8 00 10
  8e c0 26 ff 06 10 00 26 ff 06 00 08 05 00 02 3d 00 40 72 ec
  ba f8 03 b0 2e ee 31 c9
  e2 fe eb dd`;

/** Offset of the first instruction: the last 16 bytes of the firmware. */
const RESET_VECTOR = 0xfff0;
/** jmp 0F000h:0, to which the chipset maps the firmware as well. */
const JUMP = 'ea 00 00 00 f0';

export function tinyFirmware(): Buffer {
  const firmware = Buffer.alloc(64 << 10);
  code(PROGRAM).copy(firmware, 0);
  code(JUMP).copy(firmware, RESET_VECTOR);
  return firmware;
}

function code(text: string): Buffer {
  return Buffer.from(text.replace(/\s/g, ''), 'hex');
}
