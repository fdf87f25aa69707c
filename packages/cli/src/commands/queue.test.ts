import { describe, expect, it } from "vitest";
import { startGateway } from "../testing/test-gateway.ts";
import { runCommand } from "../testing/test-terminal.ts";

describe("milepost queue", () => {
  it("[P-QUE-9] milepost queue sets a queue, shows it with its figures, and lists all", async () => {
    await using server = await startGateway();
    const lanes = ["--lanes", '{"paid": 3, "free": 1}'];
    const set = await runCommand(
      ["queue", "set", "preview", "--capacity", "2", ...lanes],
      server.env,
    );
    expect(set.out[0]).toMatch(/^preview: 0 waiting, 0 running of 2; /);
    const call = async (path: string, body: unknown) => {
      const response = await fetch(`${server.url}/v1/queues/preview/${path}`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${server.env.MILEPOST_API_KEY}`,
          "content-type": "application/json",
        },
        body: JSON.stringify(body),
      });
      return response.json() as Promise<{ id: string; lease: { fence: number } }>;
    };
    await call("tickets", { user: "ada", lane: "paid" });
    await call("tickets", { user: "bob", lane: "free" });
    const { id, lease } = await call("claim", { worker: "w" });
    await call(`tickets/${id}/finish`, { fence: lease.fence });
    const show = await runCommand(["queue", "show", "preview"], server.env);
    expect(show.out[0]).toMatch(
      /^preview: 1 waiting, 0 running of 2; 1 workers with 1 slots; last 24 h$/,
    );
    expect(show.out[1]).toMatch(/^LANE +WAITING +SERVED +PER HOUR +WAIT P50 +P90 +SERVICE P50/);
    expect(show.out[2]).toMatch(/^paid +0 +1 /);
    expect(show.out[3]).toMatch(/^free +1 +0 /);
    expect(show.out[5]).toBe("estimates: none to compare yet");
    const list = await runCommand(["queue"], server.env);
    expect(list.out).toEqual([
      "QUEUE    WAITING  RUNNING  CAPACITY",
      "preview  1        0        2",
    ]);
    const json = await runCommand(["queue", "show", "preview", "--json"], server.env);
    expect(JSON.parse(json.out[0] ?? "")).toMatchObject({ by_lane: { paid: { served: 1 } } });
    const wrong = await runCommand(["queue", "set", "preview", "--lanes", "{}"], server.env);
    expect(wrong.code).not.toBe(0);
    expect(wrong.err[0]).toMatch(/lanes must name 1 to 16 lanes/);
  });
});
