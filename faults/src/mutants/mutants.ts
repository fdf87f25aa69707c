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
        file: "/redis/dist/append-group.js",
        find: 'if (key === undefined)\n                    args.push("");',
        replace: 'if (key !== "")\n                    args.push("");',
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
        find: "connection.subscribe(restored)",
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
    name: "acks-unsaved",
    says: "an ack of a durable subscriber is answered although nothing saves it",
    shownBy: "kill-node",
    changes: [
      {
        file: "/core/dist/durable/durable-reader.js",
        find: "const saved = await durable.save(this.#key, this.#fence, change, durableBounds);",
        replace: 'const saved = "saved";',
      },
    ],
  },
  {
    name: "unswept",
    says: "nothing removes a dead node's entries from the registry",
    shownBy: "kill-node",
    changes: [
      {
        file: "/core/dist/node/assemble-node.js",
        find: "() => registry.sweep(),",
        replace: "",
      },
    ],
  },
];

/** Mutants of queues; the queue run must find each of them. */
export const queueMutants: readonly Omit<Mutant, "shownBy">[] = [
  {
    name: "queue-lease-cut",
    says: "the lease of a ticket ends long before the worker knows",
    changes: [
      {
        file: "/redis/dist/redis-queues.js",
        find: 'leaseMs === undefined ? "" : String(leaseMs),',
        replace: '"10",',
      },
    ],
  },
  {
    name: "queue-unswept",
    says: "the ticket of a dead worker runs for ever",
    changes: [
      {
        file: "/redis/dist/redis-queues.js",
        find: "String(Math.min(limit, maxPerScript)),",
        replace: '"0",',
      },
    ],
  },
];

/** Mutants of the embedded store; losses of power must reveal each of them. */
export const dataMutants: readonly Omit<Mutant, "shownBy">[] = [
  {
    name: "data-unsynced",
    says: "what only the operating system has is acknowledged with durability full",
    changes: [
      {
        file: "/sqlite/dist/sqlite-store.js",
        find: "this.#syncFile(this.#parts.walDescriptor, (error) => {",
        replace: "((_, done) => setImmediate(done, null))(this.#parts.walDescriptor, (error) => {",
      },
    ],
  },
  {
    name: "data-synced-early",
    says: "a sync acknowledges what was committed after it began",
    changes: [
      {
        file: "/sqlite/dist/sqlite-store.js",
        find: "for (const batch of batches)\n                    settle(batch);",
        replace:
          "for (const batch of [...batches, ...this.#unsynced.splice(0)])\n                    settle(batch);",
      },
    ],
  },
  {
    name: "data-synchronous-off",
    says: "a checkpoint overwrites the write-ahead log before the file is synced",
    changes: [
      {
        file: "/sqlite/dist/sqlite-engine.js",
        find: "PRAGMA synchronous = NORMAL",
        replace: "PRAGMA synchronous = OFF",
      },
    ],
  },
  {
    name: "data-tags-repeated",
    says: "a log that lost its tail gives its new entries the tags of the lost ones",
    changes: [
      {
        file: "/sqlite/dist/stored-log.js",
        find: "tag: entry.tag ?? random.id(tagLength)",
        replace: "tag: String(offset + 1)",
      },
    ],
  },
];

/** Line that a process prints when a mutant has changed a file that it loads. */
export function changedLine(mutant: string, file: string): string {
  return `the mutant ${mutant} has changed ${file}`;
}

/** Throws if a process has started without a change of the mutant, because it does not load the change's file. */
export function requireChanges(
  { name, changes }: Pick<Mutant, "name" | "changes">,
  printed: string,
): void {
  const unloaded = changes.filter(({ file }) => !printed.includes(changedLine(name, file)));
  if (unloaded.length === 0) return;
  const files = unloaded.map(({ file }) => file).join(" and ");
  throw new Error(`the mutant ${name} changes ${files}, which the gateway does not load`);
}

/** Returns the mutant with a name; throws if there is none. */
export function mutantOf(name: string | undefined): Pick<Mutant, "name" | "changes"> {
  const mutant = [...mutants, ...queueMutants, ...dataMutants].find((one) => one.name === name);
  if (mutant === undefined) throw new Error(`there is no mutant ${name}`);
  return mutant;
}
