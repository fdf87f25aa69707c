import { faultsIn } from "../faults-in.mjs";

const load = "packages/load/src";

/** Faults in the load tool, and in the parts of the chaos run that have no processes. */
export const loadMutants = [
  ...faultsIn(`${load}/permitted-target.ts`, [
    [
      "addresses.every(isLoopbackAddress)",
      "addresses.some(isLoopbackAddress)",
      "a name with one address on loopback may be loaded at its others",
    ],
    ["if (!isLoopback && !mayBeRemote) {", "if (false) {", "any server may be loaded"],
    ['v4[1] === "127"', 'v4[1].endsWith("127")', "1127.0.0.1 counts as loopback"],
  ]),
  ...faultsIn(`${load}/sequence-check.ts`, [
    [
      "if (at < 0) this.#repeated++;",
      "if (at < 0) return;",
      "a delivery that comes twice is not seen",
    ],
    ["this.#isOpen[index] = 0;", "", "a reader that was disconnected is owed the rest"],
    [
      "for (let missing = expected; missing < seq; missing++) this.#skip(index, missing);",
      "",
      "a skipped number is not missing",
    ],
    [
      "return numbers.filter((seq) => may?.has(seq) !== true).length;",
      "return numbers.length;",
      "a publication of unknown outcome counts as lost",
    ],
  ]),
  ...faultsIn(`${load}/plan.ts`, [
    [
      "Math.min(maxConnectionsPerProcess, maxFiles - reservedFiles)",
      "maxConnectionsPerProcess",
      "a process opens more files than it may",
    ],
    [
      "export const maxConnectionsPerAddress = 900;",
      "export const maxConnectionsPerAddress = 1_100;",
      "one address has more connections than the gateway takes",
    ],
  ]),
  ...faultsIn(`${load}/generator-limits.ts`, [
    ["cpuShare > maxProcessShare", "cpuShare > 2", "a busy generator is not named"],
    ["if (machineShare > maxMachineShare) {", "if (false) {", "a full machine is not named"],
  ]),
  ...faultsIn(`${load}/compare.ts`, [
    [
      "const worsePercent = lessIsBetter ? change : -change;",
      "const worsePercent = change;",
      "more deliveries count as worse",
    ],
  ]),
  ...faultsIn("faults/src/network/delayed-pipe.ts", [
    [
      "if (this.#waiting.length === 0) then();",
      "if (true) then();",
      "what waits is dropped at the end",
    ],
  ]),
  ...faultsIn("faults/src/chaos/chaos-run.ts", [
    ["({ part }) => !without.includes(part)", "() => true", "two faults break the same part"],
  ]),
];
