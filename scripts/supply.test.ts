import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "./workspaces.mjs";

interface LockedPackage {
  readonly resolved?: string;
  readonly integrity?: string;
  readonly link?: boolean;
  readonly hasInstallScript?: boolean;
  readonly optional?: boolean;
}

const lock: { readonly packages: Readonly<Record<string, LockedPackage>> } = JSON.parse(
  readFileSync(join(root, "package-lock.json"), "utf8"),
);
const foreign = Object.entries(lock.packages).filter(
  ([path, { link }]) => path.includes("node_modules/") && link !== true,
);

describe("the packages that the lockfile names", () => {
  // BullMQ is a peer dependency of one package. Its msgpackr works without this part, as `ignore-scripts` installs it.
  it("no package of the lockfile has an install script, except the optional msgpackr-extract of BullMQ", () => {
    expect(foreign.length).toBeGreaterThan(50);
    const withScript = foreign.filter(([, { hasInstallScript }]) => hasInstallScript === true);
    const needed = withScript.filter(([, { optional }]) => optional !== true);
    expect(needed).toEqual([]);
    expect(withScript.map(([path]) => path)).toEqual(["node_modules/msgpackr-extract"]);
  });

  it("every package of the lockfile has the hash of its content, and none comes from elsewhere than a registry", () => {
    const odd = foreign.filter(
      ([, { resolved, integrity = "" }]) =>
        // The lockfile names no registry, so that a mirror may serve the same content.
        resolved !== undefined || !integrity.startsWith("sha512-"),
    );
    expect(odd.map(([path]) => path)).toEqual([]);
  });
});
