import { faultsIn } from "../faults-in.mjs";

const operations = "packages/core/src/operations";

/** Faults in what people ask of operations: commands, messages, and the waits of producers for them. */
export const steeringMutants = [
  ...faultsIn(`${operations}/operation-access.ts`, [
    [
      'if (!this.#permits(principal, operation, "subscribe")) throw notFound();',
      "",
      "anyone may see any operation",
    ],
    [
      'if (this.#permits(principal, operation, "command")) return operation;',
      "return operation;",
      "whoever may see an operation may command it",
    ],
  ]),
  ...faultsIn(`${operations}/operation-commands.ts`, [
    ["if (key !== undefined) {", "if (false) {", "a command with a known key is requested twice"],
    ["repeatedCommand(state.commands, command) ??", "", "pressing cancel twice is two commands"],
    [
      "(key === undefined ? pendingLike(state.commands, command, args) : undefined)",
      "undefined",
      "an own command sent twice without a key is two commands",
    ],
    [
      "(key === undefined ? pendingLike",
      "(true ? pendingLike",
      "own commands with equal arguments and other keys are one",
    ],
    [
      "await this.#check(operation, command, args);",
      "",
      "a command is taken for an operation that has ended",
    ],
    [
      "await contract.checkCommand(state.kind, command, args);",
      "",
      "the commands of a kind take any arguments",
    ],
    [
      'if (schema !== undefined) await schemas.checkField(schema, args ?? {}, "args");',
      "",
      "declared commands take any arguments",
    ],
    [
      "if (unsettled >= operationBounds.commands) {",
      "if (false) {",
      "an operation has any number of open commands",
    ],
    ["await notifier.commanded(after.state);", "", "a producer hears of a command only by chance"],
    [
      "const first = repeats ? repeatedCommand(after.state.commands, command) : undefined;",
      "const first = undefined;",
      "the second of two commands at once is never followed",
    ],
    ["definition.while ?? notFinal", "notFinal", "the statuses that a command names do not count"],
    [
      "if (schema !== undefined) this.#context.schemas.require",
      "if (false) this.#context.schemas.require",
      "an unusable schema is found only when its command is sent",
    ],
  ]),
  ...faultsIn(`${operations}/filtered-commands.ts`, [
    ["limit: limit + 1 }", "limit }", "a filter has only one page"],
    [
      "const page = found.slice(0, limit);",
      "const page = found;",
      "a page is longer than its limit",
    ],
    [
      '(result) => !("error" in result && ["not_found", "forbidden"].includes(result.error.code)),',
      "() => true,",
      "a filter shows operations that the credential may not command",
    ],
    ['requireService(principal, "command");', "", "a key for one operation lists all"],
    [
      "return { operation_id: id, error: this.#context.failureOf(error) };",
      "throw error;",
      "one operation that refuses a command keeps it from the others",
    ],
  ]),
  ...faultsIn(`${operations}/steering.ts`, [
    [
      "if (known !== undefined) return known;\n    }\n    this.#refuse(state);",
      "}\n    this.#refuse(state);",
      "a message with a known key is sent twice",
    ],
    ["    this.#refuse(state);\n    const", "    const", "a busy operation takes messages"],
    [
      'if (stored === undefined || stored.phase === "rejected") {',
      "if (false) {",
      "a message that the log rejects looks as if it were taken",
    ],
    [".filter(({ seq }) => seq > after)", "", "a producer receives what it has again and again"],
    [
      'if (why === "full") {',
      "if (false) {",
      "a full operation is not told apart from an open one",
    ],
    [
      'if (stored?.phase === "rejected") {',
      "if (false) {",
      "a message that was refused looks as if it were taken when it is repeated",
    ],
  ]),
  ...faultsIn("packages/core/src/hub/event-waits.ts", [
    [
      "if (found.length > 0) return found;\n      }",
      "return found;\n      }",
      "a wait for commands ends with the first word from the channel",
    ],
    ["wheel.set(waiter, waitMs);", "", "a wait for commands has no end"],
    [
      "for (const waiter of this.#waiters) waiter.end();",
      "",
      "a shutdown waits for every wait for commands",
    ],
  ]),
  ...faultsIn("packages/model/src/commands.ts", [
    [
      "if (before === undefined && repeatedCommand(commands, command) !== undefined) return commands;",
      "",
      "cancel through two nodes at once is two commands",
    ],
  ]),
  ...faultsIn("packages/model/src/inputs.ts", [
    [
      "if (!inputMayBecome(before.phase, phase)) return inputs;",
      "",
      "a message that is done is taken again",
    ],
    ["(busy === true || pending > 0)", "pending > 0", "an operation that is busy takes a message"],
    ["if (pending >= inputBounds.pending)", "if (false)", "any number of messages waits"],
  ]),
];
