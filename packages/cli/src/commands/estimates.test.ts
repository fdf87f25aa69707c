import { expect, test } from "vitest";
import { startGateway } from "../testing/test-gateway.ts";
import { runCommand } from "../testing/test-terminal.ts";

test("[P-EST-12] milepost estimates shows kinds and queues with the shares of estimates that came true", async () => {
  await using server = await startGateway();
  const post = async (path: string, body: unknown) => {
    const response = await fetch(`${server.url}/v1/${path}`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${server.env.MILEPOST_API_KEY}`,
        "content-type": "application/json",
      },
      body: JSON.stringify(body),
    });
    return response.json() as Promise<{ lease: { token: string } }>;
  };
  for (let i = 0; i < 6; i++) {
    const { lease } = await post("operations", { kind: "index", operation_id: `o${i}` });
    const events = ["started", "done"].map((event) => ({ event, data: {} }));
    await post(`operations/o${i}/events`, { lease: lease.token, events });
  }
  await runCommand(["queue", "set", "preview", "--capacity", "2"], server.env);
  const shown = await runCommand(["estimates"], server.env);
  expect(shown.out[0]).toMatch(/^KIND +RUNS +P50 +P90 +ESTIMATES +BELOW P50 +BELOW P90 +INSIDE$/);
  expect(shown.out[1]).toMatch(/^index +6 +\d+\.\d s +\d+\.\d s +\d+ +\d+ % +\d+ % +\d+ %$/);
  expect(shown.out.at(-1)).toMatch(/^preview +0 +– +– +0 +– +– +–$/);
  const json = await runCommand(["estimates", "--kind", "index", "--json"], server.env);
  expect(JSON.parse(json.out[0] ?? "")).toMatchObject({
    kinds: [{ kind: "index", duration: { count: 6 } }],
    queues: [],
  });
  const wrong = await fetch(`${server.url}/v1/estimates?limit=0`, {
    headers: { authorization: `Bearer ${server.env.MILEPOST_API_KEY}` },
  });
  expect(wrong.status).toBe(400);
});
