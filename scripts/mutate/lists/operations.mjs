import { faultsIn } from "../faults-in.mjs";

const operations = "packages/core/src/operations";

/** Faults in operations: their leases, commands, deadlines and lists. */
export const operationMutants = [
  ...faultsIn(`${operations}/operation-deadlines.ts`, [
    [
      "const lostAfterLeases = 10;",
      "const lostAfterLeases = 100;",
      "an abandoned operation is lost after a hundred leases",
    ],
    ["Math.max(this.#renewedAt, at)", "at", "an older renewal makes a lease shorter"],
    [
      "if (renewal.expiresAt !== this.#expiresAt) this.renewed(renewal);",
      "",
      "a renewal at another node is overlooked",
    ],
    [
      "now - watched.since >= this.#timeoutOf(phase)",
      "now - watched.since > 2 * this.#timeoutOf(phase)",
      "a command times out twice as late",
    ],
    [
      "if (isFinal(state.status) || isQueued(state)) return undefined;",
      "",
      "an operation that is done becomes stalled",
    ],
    [
      "return now >= this.#expectedBy(state) ?",
      "return now > this.#expectedBy(state) + this.#leaseMs ?",
      "an operation is stalled after two leases",
    ],
    [
      'phase === "requested" ? this.#timeouts.commandAckMs',
      'phase !== "requested" ? this.#timeouts.commandAckMs',
      "the two timeouts of a command are swapped",
    ],
    [
      "if (!unsettled.some((command) => command.id === id)) this.#commands.delete(id);",
      "",
      "a settled command is watched for ever",
    ],
    [
      "if (this.#commands.get(id)?.phase !== phase) {",
      "if (!this.#commands.has(id)) {",
      "an acknowledged command has the time of its request",
    ],
  ]),
  ...faultsIn(`${operations}/operation-monitor.ts`, [
    [
      "const adoptAfterMs = 2_000;",
      "const adoptAfterMs = 200_000;",
      "the operations of a dead node wait three minutes",
    ],
    ["await index.remove(id);", "", "the index keeps operations that are gone"],
    [
      "const maxRetryMs = 30_000;",
      "const maxRetryMs = 3_000_000;",
      "a failed deadline is tried again after an hour",
    ],
    [
      "const failuresToTell = 5;",
      "const failuresToTell = 500;",
      "a deadline that cannot be published leaves no dead letter",
    ],
    [
      "if (deadLetterId !== undefined) await this.#context.deadLetters.remove(deadLetterId);",
      "",
      "the dead letter of a deadline stays after it was published",
    ],
    [
      "if (dueInMs === undefined) this.end(state.id);\n    else",
      "",
      "an operation that is done is watched for ever",
    ],
    [
      'if (!after.duplicate && event.event === "stalled")',
      'if (event.event === "stalled")',
      "a stalled operation is counted by every node",
    ],
    [
      "if (renewal !== undefined) deadlines.renewedElsewhere(renewal);",
      "",
      "a producer that reports to another node is marked stalled",
    ],
    [
      'indexed?.service ?? service?.name ?? ""',
      'service?.name ?? indexed?.service ?? ""',
      "a takeover changes the service that an operation belongs to",
    ],
    ["deadlines.failures = 0;", "", "failures of long ago count"],
  ]),
  ...faultsIn(`${operations}/budget-step.ts`, [
    [
      'return isOverBudget(state) ? { kind: "ask" } : undefined;',
      "return undefined;",
      "nobody is asked about a passed budget",
    ],
    [
      'question.reason === "withdrawn" ? undefined : { kind: "ask" }',
      "undefined",
      "a new attempt beyond the limit asks nobody",
    ],
    ["before.length < maxRequests", "false", "a pause that a producer missed is lost"],
    [
      "compareAmounts(twice, spent) > 0 ? twice :",
      "false ? twice :",
      "a budget is raised to twice what is spent",
    ],
    [
      'last.command === "pause" || isToGoOn ? {',
      "isToGoOn ? {",
      "work that a budget paused never goes on",
    ],
  ]),
  ...faultsIn(`${operations}/budgets.ts`, [
    [
      "if (now.budget?.limit !== limit || now.budget.question_id === question_id) return [];",
      "",
      "a passed budget is told twice",
    ],
    [
      "await this.#below(state, step.question, step.answer);",
      "",
      "work below a budget is never told to go on",
    ],
    ['await this.#below(state, question, "open");', "", "work below a passed budget goes on"],
    [
      'if (command === "pause") return state.status === "running";',
      'if (command === "pause") return true;',
      "work that a person has paused is paused again",
    ],
  ]),
  ...faultsIn(`${operations}/operation-leases.ts`, [
    [
      "return lease ?? this.take(operationId, holder, ttlMs);",
      "return lease ?? this.take(operationId, holder);",
      "an operation begins with the lease length of another one",
    ],
    ["{ force: true, holder }", "{ holder }", "an operation cannot be taken over"],
    [
      "current.expiresAt > this.#clock.now() && producer_id === producer;",
      "current.expiresAt > this.#clock.now();",
      "another producer gets the token of the holder",
    ],
    [
      "current !== undefined && current.expiresAt > this.#clock.now() &&",
      "current !== undefined &&",
      "an expired lease is handed out again",
    ],
    [
      "?? (await this.#leases.get(name))?.ttlMs ?? defaultLeaseMs",
      "?? defaultLeaseMs",
      "a takeover forgets the length of the lease",
    ],
    [
      "Math.min(expiresAt - this.#clock.now(), ttlMs)",
      "expiresAt - this.#clock.now()",
      "a clock that was set back makes a lease longer",
    ],
  ]),
  ...faultsIn(`${operations}/operation-log.ts`, [
    [
      "if (!duplicate && at.offset === (before?.state.offset ?? 0) + 1) {",
      "if (!duplicate) {",
      "a state is folded over events of another node that it lacks",
    ],
    [
      "if (before !== undefined && duplicate && at.offset <= before.state.offset) {",
      "if (before !== undefined && duplicate) {",
      "a node that repeats what another one has just appended goes on from the state before it",
    ],
    [
      "if (before !== undefined && duplicate && at.offset <= before.state.offset) {",
      "if (false) {",
      "the answer to a repeated report has another state",
      "the state is read from the log instead, which is the same state, one read later",
    ],
  ]),
  ...faultsIn(`${operations}/shared-summaries.ts`, [
    [
      "      if (trail.told === from && isNext(before, after)) {",
      "      if (isNext(before, after)) {",
      "a node that publishes a summary overlooks that an earlier one is missing",
    ],
    [
      "      if (trail.told !== at) await this.#catchUp(trail);",
      "",
      "a report repeated to another node does not publish what the dead node left out",
    ],
    [
      "const key = `${state.id}@${position}`;",
      "const key = `${position}${Math.random()}`;",
      "a summary published twice appears twice",
    ],
    [
      "JSON.stringify(sharedSummary(summary, rule.summaryFields))",
      "JSON.stringify(summary)",
      "readers of a collection see whose operation it is",
    ],
    [
      "return Math.min(ownMs ?? overdueMs, overdueMs);",
      "return ownMs;",
      "an ended operation whose summary is missing is adopted by no other node",
    ],
  ]),
  ...faultsIn(`${operations}/belonging.ts`, [
    [
      'if (permissionFor(service, resolved, "publish") !== "allowed") {',
      "if (false) {",
      "an operation belongs to a channel to which its key may not publish",
    ],
  ]),
  ...faultsIn(`${operations}/operation-service.ts`, [
    [
      "const maxWaitMs = 60_000;",
      "const maxWaitMs = 6_000_000;",
      "a wait for commands may last an hour",
    ],
    [
      "if (!(await this.#isCreator(service, id))) throw taken(id);",
      "",
      "a service takes the operation of another service",
    ],
    [
      "await this.#monitor.refresh(state, { service, lease });\n      // The node",
      "// The node",
      "creating an operation again does not renew its lease for the node that watches",
    ],
    [
      "await this.#monitor.expect(id, service, lease);",
      "",
      "an operation whose creation fails half-way is never cleared up",
    ],
    [
      "if (!duplicate) this.#context.instruments.operationsCreated.add(1);",
      "this.#context.instruments.operationsCreated.add(1);",
      "an operation that is created again counts twice",
    ],
    [
      'if (before.status === "stalled") await publish({ event: "revived", data: {} });',
      "",
      "a stalled operation stays stalled when its producer reports again",
    ],
    [
      'if ("error" in result && result.error.retryable) break;',
      "",
      "reports go on after one that the store did not take",
    ],
    [
      "await this.#context.contract.checkResult(state.kind, published.data.result);",
      "",
      "a result may break the contract",
    ],
    [
      "await this.#context.contract.checkInput(kind, given);",
      "",
      "an input may break the contract",
    ],
    [
      "this.#monitor.end(operationId);\n      const",
      "const",
      "an operation whose channel was ended is watched on",
      "its next deadline finds no operation and ends the watch",
    ],
    [
      "if (!verdict.ok) return { error: verdict.failure };",
      "",
      "a report that is not possible is confirmed",
    ],
  ]),
  ...faultsIn(`${operations}/report.ts`, [
    [
      "!includes(afterTheEnd, event.event) && !isNewAttempt",
      "!includes(afterTheEnd, event.event)",
      "an operation that failed cannot be started again",
    ],
    [
      "(event.data.attempt ?? 0) > state.attempt",
      "(event.data.attempt ?? 0) >= state.attempt",
      "a repeated start revives an operation that has ended",
    ],
    [
      'if (!mayFollow(command.phase, phase)) return parsed({ kind: "ignore" });',
      "",
      "a command goes back to an earlier phase",
    ],
    [
      '["requested", "timed_out"] as const',
      '["requested"] as const',
      "a producer reports the timeout of a command",
    ],
    [
      '  "lost",\n  "estimate",\n] as const',
      '  "estimate",\n] as const',
      "a producer reports that an operation is lost",
    ],
  ]),
  ...faultsIn(`${operations}/list-operations.ts`, [
    ["if (foreign) return [];", "", "a user lists the operations of another one"],
    [".slice(0, query.limit)", "", "a list of two owners is longer than its limit"],
    [
      "newestFirst(a.summary, b.summary)",
      "newestFirst(b.summary, a.summary)",
      "a list of two owners begins with the oldest",
    ],
  ]),
  ...faultsIn(`${operations}/pending-commands.ts`, [
    [
      '.filter(({ phase }) => phase === "requested")',
      "",
      "an acknowledged command is delivered again",
    ],
    [
      ".sort((a, b) => a.requestedAt - b.requestedAt)",
      "",
      "commands of several operations arrive out of order",
    ],
  ]),
  ...faultsIn(`${operations}/operation-notifier.ts`, [
    ["if (!summaryChanged(before, after)) return;", "", "the list of a user repeats what it said"],
    [
      "if (session_id !== undefined) channels.push(`session:${encodeId(session_id)}`);",
      "",
      "the list of a session stays empty",
    ],
    [
      ".slice(0, 200).replace",
      ".replace",
      "a long producer id makes a channel name that is refused",
    ],
  ]),
  ...faultsIn(`${operations}/operation-inputs.ts`, [
    [
      "const maxEvents = 1_000;",
      "const maxEvents = 100_000;",
      "a report has a hundred thousand events",
    ],
    [
      "integerIn(100, 24 * 3_600_000)",
      "integerIn(0, 24 * 3_600_000)",
      "a lease of no length is granted",
    ],
    [
      "integerIn(1, 1_000)) ?? 100",
      "integerIn(1, 1_000)) ?? 1_000",
      "a list without a limit has a thousand operations",
    ],
  ]),
  ...faultsIn(`${operations}/tree-rollup.ts`, [
    [
      "const share = Math.round(weight * 1_000);",
      "const share = 1_000;",
      "children weigh the same",
    ],
    [
      'counters[name] = addAmounts(counters[name] ?? "0", amountOf(own, name));',
      "counters[name] = amountOf(own, name);",
      "the counters of one child take the place of the others'",
    ],
    [
      "JSON.stringify(known) === JSON.stringify(children) ? undefined",
      'JSON.stringify(known) === "" ? undefined',
      "a parent is told again and again what it knows",
    ],
    [
      "if (isFinal(status)) return",
      'if (status === "lost") return',
      "an ended parent gets children",
    ],
    [
      "const reported = this.#together(parents, true)",
      "const reported = this.#together([], true)",
      "what a dead node did not report to parents is lost",
    ],
    [
      "const reported = this.#together(parents, true)",
      "const reported = this.#together(parents, false)",
      "a grandparent is forgotten if a node dies between the log and the index entry of a parent",
    ],
    [
      "if (!this.#isClosed) this.#context.wheel.set(this.#look, lookMs);",
      "",
      "a node looks only once in 2 s for what dead nodes have left",
    ],
    [
      "else if (change !== undefined) await index.settleChange(parent, change);",
      "",
      "every change of a child is reported twice",
      "the second report finds nothing new; it costs time alone",
    ],
  ]),
  ...faultsIn(`${operations}/operation-deadlines.ts`, [
    [
      "Math.min(until, this.#renewedAt + maxPatienceMs)",
      "until",
      "a beat makes the gateway wait for ever",
    ],
  ]),
];
