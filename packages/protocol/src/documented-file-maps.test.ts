import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const packages = readdirSync(`${root}/packages`).map((name) => `packages/${name}`);
const others = [
  "bench",
  "checker",
  "e2e",
  "examples/agents",
  "examples/index-folder",
  "examples/studio",
