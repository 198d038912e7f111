import { FRAME } from '../../channel/frame.js';
import type { FrameChannel } from '../../channel/frame-channel.js';
import { PageferryError } from '../../page/error.js';
import { QemuReturnReader } from '../../qemu/return-path.js';
import { MAIN } from '../connection.js';
import type { ChannelSender } from '../flow/channel-sender.js';
import type { MigrationLifetime } from '../lifetime.js';
import { readAck } from '../messages.js';
import type { SourceConnections } from './connections.js';

/** Reads the destination's frames: acks, and the bytes of QEMU's return path. */
export class DestinationFrames {
  /** The destination's QEMU has ended, and has not reported that it runs the guest. */
  isRejected = false;
  /** QEMU uses a return path: the source's QEMU learns how the migration ended. */
  hasReturnPath = false;
  /** The destination's QEMU ended its return path with this error; 0 is success. */
  private shutError: number | undefined;
  private readonly returnPath = new QemuReturnReader({
    onMessage: () => {
      this.hasReturnPath = true;
    },
    onShut: (error) => {
      this.shutError = error;
    },
  });

  constructor(
    private readonly connections: SourceConnections,
    private readonly lifetime: MigrationLifetime,
  ) {}

  /** The destination's QEMU has reported that it runs the guest: the source's QEMU does not any more. */
  get hasSucceeded(): boolean {
    return this.shutError === 0;
  }

  /**
   * Process frames until the destination's QEMU has the guest. @throws PageferryError when the channel ends
   * before
   */
  async read(channel: FrameChannel, sender: ChannelSender): Promise<void> {
    for (;;) {
      const frame = await channel.receive();
      if (!frame)
        throw new PageferryError(
          'io',
          `${channel.peer} closed the channel before the migration was complete`,
        );
      const { type, body } = frame;
      if (type === FRAME.COMMITTED) return;
      if (type === FRAME.ACK) {
        const { connection, bytes, idle } = readAck(body);
        sender.acked(connection, bytes, idle);
      } else if (type === FRAME.RETURN_PATH) await this.forwardReturnPath(body);
      else if (type === FRAME.CLOSED)
        this.connections.close(body[0] ?? MAIN).catch((cause) => this.lifetime.fail(cause));
      else throw channel.unexpected(frame, FRAME.ACK);
    }
  }

  /**
   * Check the result that the return path reported; without a return path there is none. @throws
   * PageferryError when QEMU failed
   */
  checkReturnPath(): void {
    if (!this.hasReturnPath || this.shutError === 0) return;
    this.isRejected = true;
    const found = this.shutError === undefined ? 'it closed its return path' : `error ${this.shutError}`;
    throw new PageferryError('io', `the destination's QEMU rejected the guest: ${found}`);
  }

  private async forwardReturnPath(body: Uint8Array): Promise<void> {
    if (body[0] === MAIN) this.returnPath.push(body.subarray(1));
    await this.connections.writeReturnPath(body[0], body.subarray(1));
  }
}
