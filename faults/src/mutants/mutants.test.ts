import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  changedLine,
  dataMutants,
  mutantOf,
  mutants,
  queueMutants,
  requireChanges,
} from "./mutants.ts";

const packages = new URL("../../../packages", import.meta.url);
const isBuilt = existsSync(`${packages.pathname}/cli/dist/main.js`);

describe.skipIf(!isBuilt)("mutants of the built packages", () => {
  const changes = [...mutants, ...queueMutants, ...dataMutants].flatMap(({ name, changes }) =>
    changes.map(({ file, find }) => ({ name, file, find })),
  );

  test.each(changes)("$name finds the code that it changes once in $file", ({ file, find }) => {
    const source = readFileSync(`${packages.pathname}${file}`, "utf8");
    expect(source.split(find).length - 1).toBe(1);
  });
});

test("a mutant that changes a file that the gateway does not load is refused", () => {
  const mutant = mutantOf("lost-resubscribe");
  const [first, second] = mutant.changes.map(({ file }) => changedLine(mutant.name, file));
  expect(() => requireChanges(mutant, `${first}\n${second}\n`)).not.toThrow();
  expect(() => requireChanges(mutant, `${first}\n`)).toThrow(
    "the mutant lost-resubscribe changes /core/dist/hub/hub.js, which the gateway does not load",
  );
  expect(() => mutantOf("no-such")).toThrow("there is no mutant no-such");
});
