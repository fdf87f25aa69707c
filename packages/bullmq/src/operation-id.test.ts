import { expect, test } from "vitest";
import { jobIdOf, operationIdOf } from "./operation-id.ts";

const timestamp = 1_796_000_000_000;

test("[P-BUL-1] the operation of a job is found from the job, and the job from the operation, whatever its id", () => {
  const ids = ["1", "user-7-sync", "repeat:nightly:1796000000000", "größe", "a b", "-", "~.j"];
  const named = ids.map((id) => operationIdOf("bull:video", { id, timestamp }));
  for (const [at, operationId] of named.entries()) {
    expect(operationId).toMatch(/^[A-Za-z0-9_.~-]{1,64}$/);
    expect(jobIdOf("bull:video", operationId)).toBe(ids[at]);
    expect(jobIdOf("bull:audio", operationId)).toBeUndefined();
  }
  expect(new Set(named).size).toBe(ids.length);
  expect(operationIdOf("bull:video", { id: "1", timestamp: timestamp + 1 })).not.toBe(named[0]);
});

test("[P-BUL-1] a job with a long id has an operation of its own, from which the job is not found", () => {
  for (const id of ["x".repeat(300), "ß".repeat(40)]) {
    const operationId = operationIdOf("bull:video", { id, timestamp });
    expect(operationId).toMatch(/^[A-Za-z0-9_.~-]{1,64}$/);
    expect(operationId).not.toBe(operationIdOf("bull:video", { id: `${id}y`, timestamp }));
    expect(jobIdOf("bull:video", operationId)).toBeUndefined();
  }
});
