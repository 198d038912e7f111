// Public entry `pageferry/agent`: an authenticated channel between two hosts, and guests over it. Needs Node.

import type { Channel } from './channel/channel.js';
import { type ConnectOptions, connectChannel as connectFrames } from './channel/connect.js';
import {
  type ChannelListener,
  type ListenOptions as FrameListenOptions,
  listenForChannels as listenForFrames,
} from './channel/listen.js';

export type { BaseImage } from './agent/base-image.js';
export { type GuestDestination, type ReceivedGuest, receiveGuest } from './agent/guest/receive-guest.js';
export { type GuestSource, type SentGuest, sendGuest } from './agent/guest/send-guest.js';
export type { Channel } from './channel/channel.js';
export type { ConnectOptions } from './channel/connect.js';
export type { GuestInfo } from './channel/guest-info.js';
export type { ChannelListener } from './channel/listen.js';
export type { ChannelOptions, Credentials, Security } from './channel/security.js';
export type { BasePages } from './dedup/remote-page-cache.js';
export type { GuestMemory } from './engine/live/page-receiver.js';
export type { DedupLevel } from './engine/live/page-sender.js';
export { type ErrorCode, PageferryError } from './page/error.js';
export type * from './strategy/strategy.js';
export type { PageBytes } from './stream/format.js';

/** Options of a listener for sources. */
export interface ListenOptions extends Omit<FrameListenOptions, 'onChannel'> {
  /** Called with every channel after its handshake. The callee closes it. */
  readonly onChannel: (channel: Channel) => void;
}

/**
 * Connect to a destination, as the host that sends guests. @throws PageferryError, as `bad-argument`, `io` or
 * `unsupported`
 */
export function connectChannel(options: ConnectOptions): Promise<Channel> {
  return connectFrames(options);
}

/**
 * Listen, as the host that receives guests. @throws PageferryError `bad-argument`; `io` if the address cannot
 * be used
 */
export function listenForChannels(options: ListenOptions): Promise<ChannelListener> {
  return listenForFrames(options);
}
