/** A part of a built file, and what stands there instead. */
interface Change {
  /** How the file's path ends. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** A fault of the product, put into its built code while it is loaded. */
export interface Mutant {
  readonly name: string;
  readonly says: string;
  /** The fault of the suite that shows it. */
  readonly shownBy: string;
  readonly changes: readonly Change[];
}

/** The suite must find each of them. */
export const mutants: readonly Mutant[] = [
  {
    name: "keys-forgotten",
    says: "a publish that is sent again is stored again",
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
    says: "what follows a hole is handed out as if nothing was missing",
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
    says: "after a reconnect nothing is subscribed to, and nobody compares with the log",
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
    says: "a position of a log that is gone is continued in the one that took its place",
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
    says: "nobody takes out of the registry what a dead node left",
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
