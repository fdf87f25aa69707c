import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const require = createRequire(import.meta.url);

/** Path of the program of TypeScript's compiler, which Node runs. It is native; the package `typescript` has the API alone. */
export const compiler = join(
  dirname(require.resolve("@typescript/native/package.json")),
  "bin/tsc",
);
