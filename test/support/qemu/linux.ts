export interface LinuxGuest {
  readonly kernel: string;
  readonly initramfs: string;
  readonly commandLine: string;
}
export function linuxArguments(guest: LinuxGuest): string[] {
  return ['-kernel', guest.kernel, '-initrd', guest.initramfs, '-append', `console=ttyS0 quiet panic=-1 ${guest.commandLine}`];
}
