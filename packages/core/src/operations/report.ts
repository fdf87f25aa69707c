import {
  eventBounds,
  inputMayBecome,
  isFinal,
  mayCount,
  mayFollow,
  type OperationEvent,
  type OperationState,
  parseOperationEvent,
  type ReportedEvent,
} from "@milepost/model";
import { failure, type Parsed, parsed, readExactly, refused } from "@milepost/protocol";
import { readJsonText } from "../input/json-text.ts";

/** Events that only the gateway may publish. */
const ofTheGateway = [
  "created",
  "children",
  "budget",
  "question",
  "stalled",
  "revived",
  "lost",
  "estimate",
] as const;
/** Events that an operation takes after its end, until it starts again. */
const afterTheEnd = ["log", "count"] as const;
const phasesOfTheGateway = ["requested", "timed_out"] as const;
const inputPhasesOfTheProducer = ["taken", "done", "interrupted"] as const;

/** Verdict on one reported event: it is published, or it is ignored because it changes nothing. */
export type Verdict =
  | { readonly kind: "publish"; readonly event: OperationEvent }
  | { readonly kind: "ignore" };

/** Reads a reported event, independently of the operation's state. */
export function readReportedEvent(reported: ReportedEvent): Parsed<OperationEvent> {
  const exact = readExactly(reported.data ?? {}, "data");
  if (!exact.ok) return exact;
  const json = readJsonText(exact.value, Number.POSITIVE_INFINITY);
  if (!json.ok) return json;
  const read = parseOperationEvent(reported.event, exact.value);
  if (!read.ok) return read;
  const { event, data } = read.value;
  if (includes(ofTheGateway, event)) {
    return refused("bad_message", `${event} is published by the gateway; it cannot be reported`);
  }
  if (event === "waiting" && (data.queue ?? data.ticket) !== undefined) {
    return refused("bad_message", "queue and ticket are set by the gateway; leave them out");
  }
  if (event === "command" && includes(phasesOfTheGateway, data.phase)) {
    return refused(
      "bad_message",
      `the phase ${data.phase} is set by the gateway; it cannot be reported`,
    );
  }
  if (event === "input" && !includes(inputPhasesOfTheProducer, data.phase)) {
    return refused(
      "bad_message",
      `the phase ${data.phase} is set by the gateway; report taken, done or interrupted`,
    );
  }
  return read;
}

/** Decides whether an operation in this state publishes, ignores or refuses a reported event. */
export function judgeReport(state: OperationState, event: OperationEvent): Parsed<Verdict> {
  if (event.event === "command") return judgeCommand(state, event.data);
  const isNewAttempt = event.event === "started" && (event.data.attempt ?? 0) > state.attempt;
  if (isFinal(state.status) && !includes(afterTheEnd, event.event) && !isNewAttempt) {
    const message = `the operation is ${state.status}; only log and count events and a started event with a higher attempt are accepted`;
    return { ok: false, failure: failure("not_possible_now", message) };
  }
  if (event.event === "count" && !mayCount(state, event.data.name)) {
    const message = `the operation has ${eventBounds.tree.counters} counters already; count under one of their names`;
    return { ok: false, failure: failure("not_possible_now", message) };
  }
  if (event.event === "input") return judgeInput(state, event.data);
  return parsed({ kind: "publish", event });
}

function judgeInput(
  { inputs = [] }: OperationState,
  { input_id, phase }: Extract<OperationEvent, { event: "input" }>["data"],
): Parsed<Verdict> {
  const input = inputs.find(({ id }) => id === input_id);
  if (input === undefined) {
    return refused(
      "not_found",
      "the operation has no message with this input_id; use one that GET /v1/operations/{id}/inputs returned",
    );
  }
  if (!inputMayBecome(input.phase, phase)) return parsed({ kind: "ignore" });
  return parsed({ kind: "publish", event: { event: "input", data: { input_id, phase } } });
}

function judgeCommand(
  { commands }: OperationState,
  { command_id, phase, reason }: Extract<OperationEvent, { event: "command" }>["data"],
): Parsed<Verdict> {
  const command = commands.find(({ id }) => id === command_id);
  if (command === undefined) {
    return refused(
      "not_found",
      "the operation has no command with this command_id; use one that GET /v1/operations/{id}/commands returned",
    );
  }
  if (!mayFollow(command.phase, phase)) return parsed({ kind: "ignore" });
  const data = {
    command_id,
    command: command.command,
    phase,
    ...(reason === undefined ? {} : { reason }),
  };
  return parsed({ kind: "publish", event: { event: "command", data } });
}

function includes(list: readonly string[], text: string): boolean {
  return list.includes(text);
}
