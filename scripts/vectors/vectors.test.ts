import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { encryptionVectors } from "./encryption.mjs";
import { operationFoldVectors } from "./operation-fold.mjs";
import { shortFormVectors } from "./short-form.mjs";
import { signingVectors } from "./signing.mjs";
import { traceContextVectors } from "./trace-context.mjs";

function read(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../../vectors/${name}`, import.meta.url), "utf8"));
}

test("the files in vectors/ are what their scripts write; npm run vectors renews them", async () => {
  expect(read("signing.json")).toEqual(await signingVectors());
  expect(read("encryption.json")).toEqual(await encryptionVectors());
});

test("[P-SHORT-3] [P-SHORT-5] vectors/short-form.json is what the encoder and the client make of its frames", () => {
  const made: unknown = JSON.parse(JSON.stringify(shortFormVectors()));
  expect(read("short-form.json")).toEqual(made);
});

test("[P-TRC-1] vectors/trace-context.json is what the gateway reads from its headers", () => {
  expect(read("trace-context.json")).toEqual(traceContextVectors());
});

test("[P-OP-16] vectors/operation-fold.json is what the reducer makes of its logs; npm run vectors renews it", () => {
  const made: unknown = JSON.parse(JSON.stringify(operationFoldVectors()));
  expect(read("operation-fold.json")).toEqual(made);
});

test.skipIf(process.env.MILEPOST_PYTHON === undefined)(
  "[P-SIG-1] [P-SIG-9] a program in Python that knows only the page on signing agrees with vectors/signing.json",
  () => {
    const [program, file] = ["check_signing.py", "../../vectors/signing.json"].map((path) =>
      fileURLToPath(new URL(path, import.meta.url)),
    );
    execFileSync(process.env.MILEPOST_PYTHON ?? "", [program ?? "", file ?? ""], { stdio: "pipe" });
  },
);
