import { faultsIn } from "../faults-in.mjs";

const redis = "packages/redis";
const sqlite = "packages/sqlite/src";

/** Faults in how the stores join appends, and in what they do when a disk or a server answers badly. */
export const storeMutants = [
  ...faultsIn(`${redis}/lua/append.lua`, [
    [
      "if not ends then return nil, 'ERR ' .. dedupe_key .. ' is not a dedupe key' end",
      "",
      "a dedupe key of another program fails every append of its tick",
    ],
    [
      "if above then refusal = unfit(above_stream, above) end",
      "",
      "an entry is stored although its copy in the roll-up cannot be",
    ],
  ]),
  ...faultsIn(`${redis}/src/append-calls.ts`, [
    [
      "answers.length !== groups.length",
      "false",
      "the appends of a channel that the answer lacks are never settled",
    ],
  ]),
  ...faultsIn(`${redis}/src/append-group.ts`, [
    [
      "if (!isOffset(offset)) return undefined;",
      "",
      "an append is acknowledged although no position was answered",
    ],
  ]),
  ...faultsIn(`${sqlite}/checkpoints.ts`, [
    [
      "this.#parts.index.look() ?? unknownLog",
      "this.#parts.index.look() ?? { pages: 0, copied: 0 }",
      "the write-ahead log grows without bound while its index cannot be read",
    ],
  ]),
];
