import { faultsIn } from "../faults-in.mjs";

const model = "packages/model/src";
const protocol = "packages/protocol/src";

/** Faults in what the events of an operation mean. */
export const modelMutants = [
  ...faultsIn(`${model}/ordered-sends.ts`, [
    [
      "if (line.length < maxWaitingUpdates) {",
      "if (line.length >= 0) {",
      "updates for a person wait without a bound",
    ],
    ["if (line === undefined) {", "if (true) {", "updates for a person overtake each other"],
  ]),
  ...faultsIn(`${model}/personal-projection.ts`, [
    ["].slice(-max);", "];", "the state of a person grows without a bound"],
    [
      "return queue.position < 1 ? withoutQueue(state) : { ...state, queue };",
      "return { ...state, queue };",
      "a person who has left the queue is shown in it",
    ],
  ]),
  ...faultsIn(`${model}/to-progress-update.ts`, [
    [
      "(active ? [[id, tasks]] : [])",
      '(active || id !== "" ? [[id, tasks]] : [])',
      "a session feed lists agents that have ended",
    ],
  ]),
  ...faultsIn(`${model}/fold-operation.ts`, [
    ["if (offset <= state.offset) return state;", "", "an event is folded twice"],
    [
      'if (attempt > state.attempt) return "stay";',
      'if (attempt >= state.attempt) return "stay";',
      "a repeated start leaves an operation waiting",
    ],
    [
      "started_at: next.started_at ?? ts,",
      "started_at: ts,",
      "an operation that goes on begins anew",
    ],
    [
      'percent: status === "done" ? 100 : state.percent,',
      "percent: state.percent,",
      "an operation that is done stays below 100 %",
    ],
    [
      'return isFinal(state.status) ? "ignore" : "stay";',
      'return "stay";',
      "a late start changes an operation that has ended",
    ],
    [
      "const own = reset ? reached : Math.max(state.percent, reached);",
      "const own = reached;",
      "the progress of an operation goes back",
    ],
    [
      'if (move === "return") return state.before_stall ?? "running";',
      'if (move === "return") return "running";',
      "an operation that stalled while it was paused runs when it is revived",
    ],
  ]),
  ...faultsIn(`${model}/steps.ts`, [
    [
      "operationBounds.steps, (one)",
      "Number.POSITIVE_INFINITY, (one)",
      "an operation has any number of steps",
    ],
    [
      'percent: status === "done" ? 100 : percent,',
      "percent,",
      "a step that is done stays below 100 %",
    ],
    [
      "Math.max(base.percent, reportedPercent(report, counter) ?? 0)",
      "reportedPercent(report, counter) ?? base.percent",
      "the progress of a step goes back",
    ],
    [
      "const base = begins ? plannedStep(before) : before;",
      "const base = before;",
      "a step that begins again keeps its old progress",
    ],
    ["weight: weight ?? 1,", "weight: weight ?? 0,", "a step without a weight counts for nothing"],
  ]),
  ...faultsIn(`${model}/percent.ts`, [
    [
      "Math.min(100, toHundredths((counter.done / counter.total) * 100))",
      "toHundredths((counter.done / counter.total) * 100)",
      "a step is beyond 100 %",
    ],
    [
      "counter?.total === undefined || counter.total === 0",
      "counter?.total === undefined",
      "a total of nothing makes an impossible percentage",
    ],
    [
      'status === "skipped" ? 100 : percent',
      "percent",
      "a skipped step keeps an operation below 100 %",
    ],
  ]),
  ...faultsIn(`${model}/timeline.ts`, [
    [".slice(-operationBounds.timeline)", "", "a timeline has no bound"],
    [
      "if (timeline.some((span) => isOpen(span, what, id))) return timeline;",
      "",
      "a span opens twice",
    ],
    ["order.includes(id) ? order :", "", "a step that begins again is listed twice"],
  ]),
  ...faultsIn(`${model}/commands.ts`, [
    ["!mayFollow(before.phase, phase)", "false", "a command goes back to an earlier phase"],
    ['? phase !== "requested" :', "? false :", "a command begins in the middle"],
    [
      "operationBounds.commands, (one)",
      "Number.POSITIVE_INFINITY, (one)",
      "an operation keeps any number of commands",
    ],
  ]),
  ...faultsIn(`${model}/reduce-operation.ts`, [
    [
      "if (!Number.isSafeInteger(offset) || !Number.isFinite(ts)) return state;",
      "",
      "an entry without a place is folded",
    ],
  ]),
];

/** Faults in how messages are written and read. */
export const protocolMutants = [
  ...faultsIn(`${protocol}/close-verdict.ts`, [
    [
      "if (code >= 4100 && code <= 4199) return",
      "if (code > 4100 && code <= 4199) return",
      "the first code of its range does not ask for a new token",
      "no close code is 4100, and a code that the table does not name stands for its range only in other versions of the gateway",
    ],
    [
      "code >= 4400 && code <= 4499",
      "code > 4400 && code <= 4499",
      "a client reconnects after an error of the protocol",
    ],
  ]),
  ...faultsIn(`${protocol}/envelope.ts`, [
    [
      "${channel}\\n${event}\\n${keyId}",
      "${event}\\n${keyId}",
      "an encrypted value may be moved to another channel",
    ],
    ["if (inside.v !== 1) return", "if (false) return", "an unknown version is read as this one"],
  ]),
  ...faultsIn(`${protocol}/key-cache.ts`, [
    [
      "if (key === undefined) entry.until = this.#parts.monotonic() + retryMs;",
      "",
      "a key that was missing once is missing for ever",
    ],
    [
      "this.#known.size > maxKeys && oldest",
      "oldest === undefined && oldest",
      "the keys have no bound",
    ],
  ]),
  ...faultsIn(`${protocol}/signing.ts`, [
    [
      "channel: received.source ?? received.channel,",
      "channel: received.channel,",
      "a reader of a roll-up refuses every signature",
    ],
    ["const isStale =", "const isStale = false &&", "a reader accepts signatures of any age"],
  ]),
  ...faultsIn(`${protocol}/cursor.ts`, [
    [
      "if (parts.length > maxCursorChannels) return bad();",
      "",
      "a cursor has any number of channels",
    ],
    ["|| cursor.has(channel))", ")", "a cursor names a channel twice"],
  ]),
  ...faultsIn(`${protocol}/cut-text.ts`, [
    [
      "isHighSurrogate ? maxLength - 1 : maxLength",
      "maxLength",
      "a text is cut within a character",
    ],
    ["isLowSurrogate ? from + 1 : from", "from", "the end of a text begins within a character"],
    ["from += cut.length", "from += maxLength", "a text in pieces loses characters"],
  ]),
  ...faultsIn(`${protocol}/position.ts`, [
    ["\\.(0|[1-9][0-9]{0,14})\\.", "\\.([0-9]{1,15})\\.", "a position has two ways to be written"],
    [
      "return { epoch, offset: 0, tag: originTag }",
      'return { epoch, offset: 0, tag: "" }',
      "the place before the first entry has a tag that cannot be read",
    ],
  ]),
  ...faultsIn(`${protocol}/channel-name.ts`, [
    [
      "return short && isWildcard(text) && name.test(text.slice(0, -2));",
      "return short && isWildcard(text);",
      "a name below an impossible prefix can be read",
    ],
  ]),
  ...faultsIn(`${protocol}/chunk-reader.ts`, [
    [
      "if (data !== undefined && this.#credit <= 0) {",
      "if (false) {",
      "chunks arrive without credit",
    ],
    [
      "if (index !== this.#expected) {",
      "if (index < this.#expected) {",
      "a chunk that was lost is skipped",
    ],
    [
      "if (room < chunkWindowBytes / 2) return;",
      "",
      "each chunk that is read grants credit on its own",
    ],
    ["this.#bufferedBytes -= item.cost;", "", "a stream stops after its first window"],
    [
      "this.#ending = { value: undefined };\n    waiting.reject",
      "waiting.reject",
      "a stream that failed fails at every read",
    ],
  ]),
  ...faultsIn(`${protocol}/fields.ts`, [
    [
      "value.length >= minLength && value.length <= maxLength",
      "value.length >= minLength",
      "a text of any length is taken",
    ],
    [
      "if (Object.hasOwn(this.record, name)) return",
      "if (name in this.record) return",
      "a field is read from what every object has",
    ],
    [
      "Number.isInteger(value) && value >= min",
      "value >= min",
      "a fraction is taken for an integer",
    ],
  ]),
];
