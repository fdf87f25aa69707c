import { describe, expect, it } from "vitest";
import { startGateway } from "../testing/test-gateway.ts";
import { runCommand } from "../testing/test-terminal.ts";

describe("milepost doctor", () => {
  it("finds a gateway well, and shows no secret", async () => {
    await using server = await startGateway();
    const { code, out } = await runCommand(["doctor"], server.env);
    expect(code).toBe(0);
    const text = out.join("\n");
    for (const check of ["health", "ready", "websocket", "credential"]) {
      expect(text).toMatch(new RegExp(`✓ ${check}`));
    }
    expect(text).toContain('"[set]"');
    expect(text).not.toContain(server.env.MILEPOST_TOKEN_SECRET);
    expect(text).not.toContain(server.env.MILEPOST_API_KEY);
    const json = await runCommand(["doctor", "--json"], server.env);
    expect(JSON.parse(json.out[0] ?? "")).toMatchObject({
      mistakes: [],
      config: { port: 8787 },
      findings: [{ ok: true }, { ok: true }, { ok: true }, { ok: true }],
    });
  });

  it("says what does not answer: exit 1", async () => {
    const env = {
      MILEPOST_URL: "http://127.0.0.1:1",
      MILEPOST_TOKEN_SECRET: "a secret of more than thirty-two bytes",
    };
    const { code, out } = await runCommand(["doctor"], env);
    expect(code).toBe(1);
    expect(out.join("\n")).toMatch(
      /✗ health .*✗ ready .*✗ websocket .*✗ credential .*MILEPOST_API_KEY/s,
    );
  });

  it("lists the mistakes of the configuration: exit 3", async () => {
    const { code, out } = await runCommand(["doctor"], { MILEPOST_PORT: "x" });
    expect(code).toBe(3);
    expect(out.join("\n")).toMatch(/✗ MILEPOST_PORT.*✗ tokenSecret is missing/s);
  });
});
