/** Replacement of a part of a built file. */
interface Change {
  /** End of the file's path. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** Defect of the product that is put into its built code while the code is loaded. */
export interface Mutant {
  readonly name: string;
  readonly says: string;
  /** Name of the suite's fault that reveals the defect. */
  readonly shownBy: string;
  readonly changes: readonly Change[];
}

/** All mutants; the suite must find each of them. */
export const mutants: readonly Mutant[] = [
  {
    name: "keys-forgotten",
    says: "a publish that is retried is stored again",
    shownBy: "redis-paused",
    changes: [
      {
        file: "/redis/dist/redis-channel-log.js",
        find: 'if (key === undefined)\n            args.push("");',
        replace: 'if (key !== "")\n            args.push("");',
      },
    ],
  },
  {
    name: "holes-accepted",
    says: "entries after a hole are delivered as if nothing were missing",
    shownBy: "node-cut-off",
    changes: [
      {
        file: "/core/dist/hub/hub-channel.js",
        find: "position.offset === last.offset + 1 &&",
        replace: "position.offset > last.offset ||",
      },
    ],
  },
  {
    name: "lost-resubscribe",
    says: "after a reconnect no channel is subscribed to in Redis, and position checks are ten times rarer",
    shownBy: "subscribers-cut",
    changes: [
      {
        file: "/redis/dist/server-link.js",
        find: "connection.subscribe([...this.#wanted])",
        replace: "connection.subscribe([])",
      },
      {
        file: "/core/dist/hub/hub.js",
        find: "positionCheckMs = 25_000",
        replace: "positionCheckMs = 250_000",
      },
    ],
  },
  {
    name: "epoch-ignored",
    says: "a position in a log that has ended is resumed in the log that replaced it",
    shownBy: "redis-empty",
    changes: [
      {
        file: "/core/dist/hub/recovery.js",
        find: "if (position.epoch !== head.epoch)",
        replace: "if (position.epoch === undefined)",
      },
    ],
  },
  {
    name: "unswept",
    says: "nothing removes a dead node's entries from the registry",
    shownBy: "kill-node",
    changes: [
      {
        file: "/core/dist/node/create-core.js",
        find: "sweep: [() => registry.sweep(), ",
        replace: "sweep: [",
      },
    ],
  },
];
