import { faultsIn } from "../faults-in.mjs";

/** Faults in what sets a deployment up: the new configuration, comments in it, and the demo. */
export const deploymentMutants = [
  ...faultsIn("packages/cli/src/commands/init.ts", [
    ["mode: 0o600", "mode: 0o644", "others can read new secrets"],
    [
      "if (present.length > 0 && !replaces)",
      "if (present.length > 1 && !replaces)",
      "one file that exists is replaced without being told",
    ],
    ["checkSettings(settings);", "", "settings that no gateway accepts are written"],
  ]),
  ...faultsIn("packages/cli/src/init/configuration.ts", [
    ['isSet ? "" : "// "', '""', "every sample becomes a setting"],
  ]),
  ...faultsIn("packages/server/src/config/json-comments.ts", [
    [
      "part.startsWith('\"') ? part : blank(part)",
      "blank(part)",
      "texts of settings vanish with the comments",
    ],
    ['part === "," ? " " : part', "part", "a last comma is a mistake"],
  ]),
  ...faultsIn("packages/cli/src/demo/demo-server.ts", [
    [
      "if (origin !== undefined && !hosts.some",
      "if (origin === undefined && !hosts.some",
      "any page gets a token of the demo",
    ],
  ]),
];
