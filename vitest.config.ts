import { availableParallelism } from "node:os";
import { configDefaults, defineConfig } from "vitest/config";
import { programEnvironment } from "./scripts/programs.mjs";
import { documentTests, slowTests } from "./scripts/test-files.mjs";
import { sourcesByName } from "./scripts/workspaces.mjs";

/** Aliases from every module that a workspace exports to its source, so that these tests need no build. */
const alias = [...sourcesByName()].map(([name, source]) => ({
  find: new RegExp(`^${name}$`),
  replacement: source,
}));

const resolve = { alias };

/** Processes that run tests at once. Without it, vitest leaves one of two cores idle. */
const unitWorkers = Math.max(2, availableParallelism() - 1);

export default defineConfig({
  test: {
    // Gateways that tests start keep nothing, unless the test names a folder.
    env: { ...programEnvironment(), MILEPOST_MEMORY: "true" },
    globalSetup: "scripts/test-run.ts",
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
            "{checker,faults,fuzz,sim}/src/**/*.test.ts",
          ],
          exclude: [...configDefaults.exclude, ...documentTests, ...slowTests],
          maxWorkers: unitWorkers,
          // A property test runs hundreds of cases, which takes longer beside other work. None of them measures time.
          testTimeout: 30_000,
        },
      },
      {
        resolve,
        test: {
          name: "documents",
          environment: "node",
          include: documentTests,
          maxWorkers: unitWorkers,
          // Some parse hundreds of files, which takes longer beside other work.
          testTimeout: 30_000,
        },
      },
      {
        resolve,
        test: {
          name: "slow",
          environment: "node",
          include: slowTests,
          // They wait more than they compute, so two run at once even where there are two cores.
          maxWorkers: 2,
          // They wait for real servers, which are slower beside other work. None of them measures time.
          testTimeout: 30_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        resolve,
        test: {
          name: "react",
          environment: "happy-dom",
          include: ["packages/{react,zustand}/src/**/*.test.tsx", "examples/*/page/**/*.test.tsx"],
          maxWorkers: unitWorkers,
          testTimeout: 30_000,
        },
      },
      {
        // These tests hold code that must not compile. The compiler checks them against the built packages, as
        // users have them.
        test: {
          name: "types",
          include: [],
          maxWorkers: unitWorkers,
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
          // They wait for programs more than they compute. Each starts programs of its own on ports of their own.
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
