import type { CreatedOperation, CreateOperation } from "@milepost/model";
import type { TestCore } from "./test-core.ts";

/** Creates an operation of the user `ada`, and reports that it has started. Its lease lasts 10 minutes. */
export async function runningOperation(
  t: TestCore,
  input: Partial<CreateOperation> = {},
): Promise<CreatedOperation> {
  const created = await t.core.operations.create(t.service, {
    kind: "index",
    user_id: "ada",
    lease_ms: 600_000,
    ...input,
  });
  await report(t, created, "started", {});
  return created;
}

/** Reports one event of an operation as its producer, and returns what became of it. */
export async function report(
  t: TestCore,
  { operation, lease }: CreatedOperation,
  event: string,
  data: unknown,
  key?: string,
) {
  const reported = key === undefined ? { event, data } : { event, data, key };
  const [result] = await t.core.operations.report(t.service, operation.id, {
    lease: lease.token,
    events: [reported],
  });
  return result;
}
