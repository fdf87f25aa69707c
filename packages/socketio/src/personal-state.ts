import { isRecord, type Snapshot } from "@milepost/protocol";

/** Parts of a person's state, each with the event that a page gets for it. */
const events = {
  queue: "queue:position",
  sync: "sync:progress",
  preview: "preview:status",
  generation: "generation:progress",
} as const;

/**
 * Returns the events that bring a page to the state of a person's channel, so that a page that is opened again shows what
 * it showed before. Notifications and errors are not among them, because each is shown once.
 */
export function eventsOfState(snapshot: Snapshot | undefined): [event: string, data: unknown][] {
  const state = snapshot?.projection === "personal" ? snapshot.state : undefined;
  if (!isRecord(state)) return [];
  return Object.entries(events).flatMap(([part, event]): [string, unknown][] =>
    state[part] === undefined ? [] : [[event, state[part]]],
  );
}
