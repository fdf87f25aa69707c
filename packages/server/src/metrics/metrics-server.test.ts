import { expect, it } from "vitest";
import { MetricsServer } from "./metrics-server.ts";

it("[P-MET-4] metrics that cannot be collected are answered with 500, and the log has the reason", async () => {
  const reasons: unknown[] = [];
  const log = { error: ({ err }: Record<string, unknown>) => void reasons.push(err) };
  const fault = new Error("the disk is full");
  const server = new MetricsServer({ expose: () => Promise.reject(fault) }, log);
  const { port } = await server.listen(0, "127.0.0.1");
  try {
    const { status } = await fetch(`http://127.0.0.1:${port}/metrics`);
    expect(status).toBe(500);
    expect(reasons).toEqual([fault]);
  } finally {
    await server.close();
  }
});
