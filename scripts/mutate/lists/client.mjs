import { faultsIn } from "../faults-in.mjs";

const client = "packages/client/src";

/** Faults in the client: its connection, subscriptions and requests. */
export const clientMutants = [
  ...faultsIn(`${client}/connection/backoff.ts`, [
    [
      "(this.#isExact ? 1 : this.#random()) * spanMs",
      "spanMs",
      "all clients reconnect at the same moment",
    ],
    [
      "Math.min(this.#maxMs, this.#minMs",
      "Math.max(this.#maxMs, this.#minMs",
      "the wait between attempts has no bound",
    ],
    ["** (retry - 1)", "** retry", "the first wait is twice as long as promised"],
    [
      "return minMs + this.#random()",
      "return this.#random()",
      "a client comes back earlier than the gateway has asked",
    ],
  ]),
  ...faultsIn(`${client}/connection/connection.ts`, [
    [
      "const laterMs = 30_000;",
      "const laterMs = 300;",
      "a client that used too much comes back at once",
    ],
  ]),
  ...faultsIn(`${client}/connection/heartbeat.ts`, [
    [
      "const probeMs = 5_000;",
      "const probeMs = 50_000;",
      "a dead connection is noticed fifty seconds after a wake-up",
    ],
    [
      "if (!this.#heard) this.#events.onDead();\n      else",
      "",
      "a dead connection is never noticed",
    ],
    ["if (id === this.#pings) this", "this", "a late pong counts as the answer to the last ping"],
  ]),
  ...faultsIn(`${client}/connection/connection-state.ts`, [
    ['due: "probe",', 'due: "ignore",', "a wake-up does not test an open connection"],
    ['connect: "retry",', 'connect: "ignore",', "connect() waits for the end of the backoff"],
  ]),
  ...faultsIn(`${client}/connection/connection.ts`, [
    [
      "const stableAfterMs = 5_000;",
      "const stableAfterMs = 0;",
      "a connection that breaks at once is tried again without a growing wait",
    ],
    [
      "this.#failures = stable ? 1 : this.#failures + 1;",
      "this.#failures = this.#failures + 1;",
      "a client that was connected for hours waits as if it had failed all the time",
    ],
    [
      "if (this.#failures >= backoff.attempts) {",
      "if (this.#failures > backoff.attempts) {",
      "a client makes one attempt too many",
    ],
    ["this.#generation++;", "", "a token that arrives late opens a second connection"],
    ["this.#move.leftMs ??", "", "a client that the gateway moves waits as after a loss"],
    [
      "if (loss.code === 4001) this.#connectionId = undefined;",
      "",
      "a client whose connection continues elsewhere takes it back",
    ],
    [
      "interval >= 1_000 ? interval",
      "true ? interval",
      "a gateway that announces no interval is pinged without a pause",
    ],
    [
      'if (loss.reason !== "token") trial?.lost',
      "trial?.lost",
      "a token source that fails makes the client give up WebSockets",
    ],
    [
      "this.#connectionId = undefined;\n    this.#leave",
      "this.#leave",
      "a client that was closed continues its old connection",
    ],
  ]),
  ...faultsIn(`${client}/connection/planned-move.ts`, [
    [
      "Math.max(0, planned.at - this.#parts.clock.monotonic())",
      "0",
      "a client that the gateway moves comes back at once",
    ],
    [
      "!(minMs >= 0)) return undefined;",
      "false) return undefined;",
      "a negative delay of the gateway is obeyed",
    ],
    [
      "this.cancel();\n    this.#planned",
      "this.#planned",
      "a second notice leaves the move of the first one",
    ],
  ]),
  ...faultsIn(`${client}/connection/token-renewal.ts`, [
    [
      "const restMs = 10_000;",
      "const restMs = 0;",
      "a token source with short tokens is asked without a pause",
    ],
  ]),
  ...faultsIn(`${client}/connection/metrics.ts`, [
    ["this.#perSecond[i % windowSeconds] = 0;", "", "messages of long ago count in the rate"],
    ["rttMs <= goodRttMs", "rttMs <= fairRttMs", "a slow connection is called good"],
    [
      "Math.max(0, this.#connects - 1)",
      "this.#connects",
      "the first connection counts as a reconnect",
    ],
  ]),
  ...faultsIn(`${client}/connection/identity.ts`, [
    [
      "if (identity === known) return;",
      "",
      "each reconnect begins the subscriptions of the user anew",
    ],
    [
      "known = identity;\n    end();",
      "known = identity;",
      "the subscriptions of the former user stay",
    ],
  ]),
  ...faultsIn(`${client}/channel/channel-subscriber.ts`, [
    [
      "ahead === 0 && position.tag !== anchor.tag",
      "false",
      "an entry that replaced another one is taken for it",
    ],
    ["if (ahead <= 0) return", "if (ahead < 0) return", "an entry is handed over twice"],
    ["return from < anchor.offset || (", "return (", "a merged entry repeats what was handed over"],
    [
      "(from > anchor.offset && !isFiltered)",
      "(from > anchor.offset + 1 && !isFiltered)",
      "one lost entry is skipped without a word",
    ],
    [
      "if (events !== undefined && !events.includes(event.event)) return;",
      "",
      "a subscriber of some events receives those of another one",
    ],
    [
      '&& reason !== "tag_mismatch" && isUpTo(to, this.#anchor);',
      "&& false;",
      "a subscriber that is ahead goes back with a gap",
    ],
  ]),
  ...faultsIn(`${client}/channel/channel-stream.ts`, [
    ["this.#items.length >= maxBuffered &&", "false &&", "a slow loop buffers without a bound"],
    [
      "const from = this.#resumeAt ?? since;",
      "const from = since;",
      "a loop that has caught up begins at its start again",
    ],
  ]),
  ...faultsIn(`${client}/channel/combined-options.ts`, [
    [
      'if (names.size === 0) names.add("presence");',
      "",
      "a subscriber of presence alone receives every entry",
    ],
  ]),
  ...faultsIn(`${client}/channel/shared-subscription.ts`, [
    [
      "if (isUpTo(subscriber.anchor, least?.anchor)) least",
      "if (isUpTo(least?.anchor, subscriber.anchor)) least",
      "a resume begins where the furthest subscriber is",
    ],
    [
      "if (this.#subscribed) this.#link.unsubscribe(this.name);\n      this.#subscribed = false;",
      "this.#subscribed = false;",
      "a channel without subscribers is read on",
    ],
    [
      "if (this.#ask === ask) this.#answered",
      "this.#answered",
      "a late answer starts subscribers that asked for something else",
    ],
    ["this.#healsInVain ||= healing;", "", "a hole that cannot be healed is resumed for ever"],
    [
      "subscriber.behind = !isContiguous && !subscriber.readsNothing;",
      "subscriber.behind = false;",
      "a second subscriber makes the first one skip entries",
    ],
    [
      "this.#failures++;",
      "",
      "a subscription that the gateway refuses for now is asked for at one pace for ever",
    ],
  ]),
  ...faultsIn(`${client}/sharing/hub.ts`, [
    [
      'reject(new MilepostError("timed_out", says));',
      "",
      "a subscribe of a hub without an answer holds its channel for ever",
    ],
  ]),
  ...faultsIn(`${client}/sharing/shared-connection.ts`, [
    [
      "this.#attempt.url).catch(() => undefined);",
      "this.#attempt.url);",
      "a tab that may not look for a slot once never looks again",
    ],
    [
      "if (slot === undefined) cancel = plan();",
      "if (slot === undefined) plan();",
      "a connection that is over goes on looking for a slot",
    ],
  ]),
  ...faultsIn(`${client}/sharing/follower.ts`, [
    [
      "schedule.after(proveWithinMs, () => late.abort());",
      "schedule.after(proveWithinMs, () => {});",
      "a follower whose proof has no answer proves its token no more",
    ],
  ]),
  ...faultsIn(`${client}/transport/transport-upgrade.ts`, [
    [
      "const token = await keeper.get();\n      if (attempt !== this.#attempt) return;",
      "const token = await keeper.get();",
      "a closed client opens a WebSocket once its token arrives",
    ],
  ]),
  ...faultsIn(`${client}/transport/poll-transport.ts`, [
    [
      "this.#newUpstream(slackMs);",
      "this.#newUpstream();",
      "a publish without an answer holds back all that follow it",
    ],
  ]),
  ...faultsIn(`${client}/channel/durable.ts`, [
    [
      'if (entry.stage !== "done") break;',
      'if (entry.stage !== "done") continue;',
      "an ack takes entries with it that are still being handled",
    ],
    [
      "if (known === undefined) {",
      "if (true) {",
      "an entry that is being handled is handled twice",
    ],
    [
      "if (generation !== this.#generation || this.#over !== undefined) return;\n      this.#isHeld",
      "this.#isHeld",
      "the answer to an old subscription counts for the new one",
    ],
    ["if (!isFinal(error)) return;", "return;", "an ack that can never be taken is sent for ever"],
    [
      "entries.sort((a, b) => a.offset - b.offset)",
      "entries.reverse()",
      "acks follow the order of arrival instead of the log",
    ],
  ]),
  ...faultsIn(`${client}/channel/notification-feed.ts`, [
    [
      "|| this.#seen.has(notification.id)) return;",
      ") return;",
      "a notification for user and session is shown twice",
    ],
    [
      "if (this.#seen.size > maxRemembered && oldest !== undefined) this.#seen.delete(oldest);",
      "",
      "remembered notifications have no bound",
    ],
  ]),
  ...faultsIn(`${client}/request/requests.ts`, [
    [
      "if (!this.#link.isUp && this.#open.size >= maxWaiting) {",
      "if (false) {",
      "any number of calls waits for a connection",
    ],
    [
      "if (open.sent && !open.resend) open.reject(lostError());",
      "",
      "a call that may have taken effect is repeated",
    ],
    [
      "open.sent = false;",
      "",
      "a call that is sent again counts as lost",
      "a call that may not be repeated is rejected at the first loss, and one that may be is never counted as lost",
    ],
    [
      'if (open.sent && message.type === "request") {',
      "if (false) {",
      "the gateway works on for a request that was given up",
    ],
    ['signal?.removeEventListener("abort", onAbort);', "", "a signal keeps every finished call"],
    ["if (signal?.aborted) throw signal.reason;", "", "a call with an aborted signal is sent"],
  ]),
  ...faultsIn(`${client}/request/method-stream.ts`, [
    ["this.#credit -= cost;", "", "an upload ignores the credit of the gateway"],
    [
      "while (this.#credit <= 0 && !this.#over) {",
      "while (this.#credit < 0 && !this.#over) {",
      "an upload sends a chunk without credit",
    ],
  ]),
  ...faultsIn(`${client}/request/pieces.ts`, [
    [
      "if (!complete) await reader.cancel();",
      "",
      "an upload that was cancelled leaves its source open",
    ],
    [
      "yield* textPieces(source, textLength)",
      "yield source",
      "a long text is uploaded as one piece",
    ],
  ]),
  ...faultsIn(`${client}/runtime/listeners.ts`, [
    ["if (this.#all.has(listener)) this", "this", "a listener is called after it was removed"],
    ["if (this.size > 0) return;", "", "the first listener that goes stops the others"],
  ]),
  ...faultsIn(`${client}/operation/lazy-handle.ts`, [
    [
      "const loadAgainMs = 5_000;",
      "const loadAgainMs = 500_000;",
      "a view whose code could not be loaded waits for minutes",
    ],
    [
      "      if (isOver) return;\n      stop = this.live",
      "      stop = this.live",
      "a listener that left while the code was loaded is subscribed for ever",
    ],
    ["        reporter.report(error);\n", "", "nobody learns that the code could not be loaded"],
    [
      "        if (isOver) return;\n        reporter",
      "        reporter",
      "the code is loaded again although nobody waits for it",
    ],
    [
      "if (this.live === undefined) await this.#parts.code.load();",
      "",
      "a command that is sent before the code is loaded fails",
    ],
    [
      "this.#live ??= loaded && this.#create(loaded);",
      "this.#live = loaded && this.#create(loaded);",
      "each look at an operation makes another one",
    ],
  ]),
  ...faultsIn(`${client}/runtime/lazy-code.ts`, [
    ["      loading = undefined;\n", "", "code that could not be loaded once is never loaded"],
    [
      "loading ??= load();",
      "loading = load();",
      "each view loads the code of operations once more",
    ],
  ]),
  ...faultsIn(`${client}/create-client.ts`, [
    [
      "operationCode.load().catch(() => {});",
      "",
      "a page that shows its first operation after a deployment cannot load the code",
    ],
  ]),
];
