import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { programEnvironment } from "./scripts/programs.mjs";

const root = fileURLToPath(new URL(".", import.meta.url));

interface Manifest {
  name: string;
  exports?: Record<string, string | { default: string }>;
}

/** Maps every export of every package to the source from which it is built. */
function sourceAliases() {
  const packages = readdirSync(`${root}packages`).map((folder) => `packages/${folder}`);
  return [...packages, "checker"].flatMap((folder) => {
    const { name, exports = {} } = JSON.parse(
      readFileSync(`${root}${folder}/package.json`, "utf8"),
    ) as Manifest;
    return Object.entries(exports).flatMap(([subpath, target]) => {
      if (typeof target === "string") return [];
      const source = target.default.replace("./dist/", "src/").replace(/\.js$/, ".ts");
      const specifier = `${name}${subpath.slice(1)}`;
      return [{ find: new RegExp(`^${specifier}$`), replacement: `${root}${folder}/${source}` }];
    });
  });
}

const resolve = { alias: sourceAliases() };

export default defineConfig({
  test: {
    env: programEnvironment(),
    projects: [
      {
        resolve,
        test: {
          name: "unit",
          environment: "node",
          include: [
            "packages/*/src/**/*.test.ts",
            "examples/*/{src,page}/**/*.test.ts",
            "bench/src/**/*.test.ts",
            "{checker,faults,sim}/src/**/*.test.ts",
          ],
        },
      },
      {
        resolve,
        test: {
          name: "react",
          environment: "happy-dom",
          include: ["packages/react/src/**/*.test.tsx", "examples/*/page/**/*.test.tsx"],
        },
      },
      {
        // These tests hold code that must not compile. The compiler checks them against the built packages, as
        // users have them.
        test: {
          name: "types",
          include: [],
          typecheck: {
            enabled: true,
            only: true,
            include: ["packages/*/src/**/*.test-d.{ts,tsx}"],
            tsconfig: "tsconfig.types.json",
          },
        },
      },
      {
        // There are no aliases here, because these tests use the built packages as users do.
        test: {
          name: "e2e",
          environment: "node",
          include: ["e2e/src/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
