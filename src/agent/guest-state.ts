export const RUNS_ON_SOURCE = 'the guest keeps running on the source';
/** Where the guest is after a migration that is complete; one that was paused is paused there too. */
export const IS_ON_DESTINATION = 'the guest is on the destination';
/** Where the guest is once post-copy has begun. */
export const RUNS_ON_DESTINATION =
  'the guest runs on the destination, and pages that were not sent are only on the source';

/** The failure came between the last page and the report that the guest runs. */
const MAY_RUN_ON_BOTH =
  "the guest was being handed over, and may run on both hosts: look at query-status of the destination's QEMU, and quit one of both";

/** Reports of the return path. */
export interface ReturnPathState {
  /** The source's QEMU learns of the failure. */
  readonly hasReturnPath: boolean;
  /** The source's QEMU has received the report that the destination's QEMU runs the guest. */
  readonly hasSucceeded: boolean;
}

/** Progress of a migration when it failed. */
export interface SendState {
  readonly isPostcopy: boolean;
  /** QEMU may have switched to post-copy in the part of the stream that passed through. */
  readonly mayBePostcopy: boolean;
  /** QEMU has sent its whole stream. */
  readonly isWhole: boolean;
  /** All memory was sent, and nothing says that the destination's QEMU did not get the rest. */
  readonly mayBeHandedOver: boolean;
  /** QEMU has closed its connection in the middle of the stream. */
  readonly isCut: boolean;
}

/** Return where the guest is after a migration that failed. */
export function guestState({
  hasReturnPath,
  hasSucceeded,
  isPostcopy,
  mayBePostcopy,
  isWhole,
  mayBeHandedOver,
  isCut,
}: ReturnPathState & SendState): string {
  if (hasSucceeded) return "the destination's QEMU has reported that it runs the guest";
  if (isPostcopy) return RUNS_ON_DESTINATION;
  if (mayBePostcopy)
    return "the guest runs on the destination if post-copy has begun (query-migrate of the source's QEMU: postcopy-paused), else on the source";
  if (isWhole && !hasReturnPath) return "everything was sent, so the source's QEMU may report success";
  if (isCut) return `${RUNS_ON_SOURCE}, unless its QEMU has ended`;
  return mayBeHandedOver ? MAY_RUN_ON_BOTH : RUNS_ON_SOURCE;
}
