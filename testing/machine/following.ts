// How fast a strategy follows a change in mid-stream: what it chooses some time after a step, against what a
// strategy chooses that was started in the new state with the rest of the image.
import type { Strategy } from '../../src/strategy/strategy.js';
import { MIB } from './cells.js';
import { runMachine } from './machine.js';
import { type Chosen, FLOOR, type Machine } from './model.js';
import { nameOf, type RecordedGroup } from './tables.js';

/** A change is followed within the later of these, … */
const FOLLOW_MS = 250;
const FOLLOW_BYTES = 16 * MIB;
/** … and what is chosen for these groups after it is compared. */
const COMPARED_GROUPS = 32;

/** A step of link, speed or competitors after `share` of the image, which goes on with `after`. */
export interface Step {
  readonly groups: readonly RecordedGroup[];
  readonly before: Machine;
  readonly after: Machine;
  /** The group that is decided about first after the step. */
  readonly at: number;
}

/** Outcome of a step. */
export interface Following {
  /** Time of the slowest stage for the compared groups, against that of the strategy started fresh. */
  readonly ratio: number;
  /** The same of a strategy that goes on as before the step. */
  readonly stuckRatio: number;
}

/** Runs a strategy through a step, and another from the step on. */
export function follow(create: () => Strategy, { groups, before, after, at }: Step): Following {
  const stepMs = runMachine(create(), groups, before).choices[at]!.atMs;
  const step = runMachine(create(), groups, stepped(before, after, stepMs)).choices;
  const rest = groups.slice(at);
  const fresh = runMachine(create(), rest, after).choices;
  const stuck = runMachine(create(), rest, before).choices;
  const first = Math.max(firstAfter(step.slice(at), rest, stepMs), firstAfter(fresh, rest, 0));
  const compared = (choices: readonly Chosen[]) =>
    slowestMs(choices.slice(first, first + COMPARED_GROUPS), rest.slice(first), after);
  const freshMs = compared(fresh);
  return { ratio: compared(step.slice(at)) / freshMs, stuckRatio: compared(stuck) / freshMs };
}

function stepped(before: Machine, after: Machine, stepMs: number): Machine {
  const at =
    <T>(first: (ms: number) => T, second: (ms: number) => T) =>
    (ms: number) =>
      ms < stepMs ? first(ms) : second(ms);
  const none = () => 0;
  return {
    ...before,
    speedAt: at(before.speedAt, after.speedAt),
    linkAt: at(before.linkAt, after.linkAt),
    competitorsAt: at(before.competitorsAt ?? none, after.competitorsAt ?? none),
    steps: [stepMs],
  };
}

/** Returns the first group that is decided about after the time in which a change is followed. */
function firstAfter(choices: readonly Chosen[], groups: readonly RecordedGroup[], fromMs: number): number {
  let bytes = 0;
  const first = choices.findIndex(({ atMs }, i) => {
    if (atMs >= fromMs) bytes += groups[i]!.imageBytes;
    return atMs >= fromMs + FOLLOW_MS && bytes >= FOLLOW_BYTES;
  });
  if (first < 0 || first + COMPARED_GROUPS > choices.length)
    throw new Error(`the image ends ${choices.length} groups after the step`);
  return first;
}

/** Returns the time that the slowest stage takes for groups. */
function slowestMs(choices: readonly Chosen[], groups: readonly RecordedGroup[], machine: Machine): number {
  let [work, bytes] = [0, 0];
  choices.forEach(({ packing }, i) => {
    const { imageBytes, costs } = groups[i]!;
    const cost = costs.get(nameOf(packing))!;
    work += cost.ms + ((FLOOR.scanMs + FLOOR.decideMs) * imageBytes + FLOOR.writeMs * cost.bytes) / MIB;
    bytes += cost.bytes;
  });
  const { cores, speedAt, linkAt, competitorsAt } = machine;
  const share = Math.min(1, cores / (cores + (competitorsAt?.(0) ?? 0)));
  return Math.max(work / (speedAt(0) * cores * share), (bytes * 8000) / linkAt(0));
}
