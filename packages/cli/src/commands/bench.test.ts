import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BenchProgress } from "../bench-progress.ts";
import { runCommand, TestTerminal } from "../testing/test-terminal.ts";

const env = { MILEPOST_API_KEY: "k".repeat(48), MILEPOST_TOKEN_SECRET: "t".repeat(48) };
let folder = "";
const file = (name: string) => join(folder, name);

/** The fields of a report that a comparison reads. */
function reportOf(us: number) {
  const latency = { count: 100, p50Us: us, p99Us: us, p999Us: us };
  return {
    ...{ kind: "milepost-bench", version: 1, wasInterrupted: false, warnings: [] },
    ...{ shape: {}, machine: {}, processes: {} },
    connect: { opened: 1_000, latency },
    publish: { acceptedPerSecond: 500, latency },
    delivery: { perSecond: 5_000, missing: 0, repeated: 0, bytesPerDelivery: 281, latency },
  };
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "milepost-bench-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("milepost bench", () => {
  it("milepost bench refuses a server that is not on this machine, and says which flag permits it", async () => {
    const outcome = await runCommand(["bench", "--url", "http://192.0.2.1:8787"], env);
    expect(outcome.code).toBe(2);
    expect(outcome.err.join(" ")).toMatch(/not on this machine.*--allow-remote/);
  });

  it("milepost bench refuses an unknown profile and wrong numbers with 2, and a missing key with 3", async () => {
    expect(await runCommand(["bench", "2k"], env)).toMatchObject({
      code: 2,
      err: [expect.stringContaining("choose from 1k, 10k, 50k")],
    });
    expect((await runCommand(["bench", "--bytes", "10"], env)).code).toBe(2);
    expect(await runCommand(["bench"], { ...env, MILEPOST_API_KEY: "" })).toMatchObject({
      code: 3,
      err: [expect.stringContaining("MILEPOST_API_KEY")],
    });
    expect((await runCommand(["bench"], { ...env, MILEPOST_TOKEN_SECRET: "" })).code).toBe(3);
  });

  it("milepost bench compare prints ratios, and exits with 1 when a figure became worse than allowed", async () => {
    await writeFile(file("a.json"), JSON.stringify(reportOf(2_000)));
    await writeFile(file("b.json"), JSON.stringify(reportOf(3_000)));
    const compare = ["bench", "compare", file("a.json"), file("b.json")];
    const outcome = await runCommand(compare);
    expect(outcome.code).toBe(0);
    expect(outcome.out).toContainEqual(
      expect.stringMatching(/^delivery p99 .*2\.00 ms +3\.00 ms +1\.50 ×$/),
    );
    expect((await runCommand([...compare, "--fail-above", "60"])).code).toBe(0);
    expect(await runCommand([...compare, "--fail-above", "10"])).toMatchObject({
      code: 1,
      err: [expect.stringContaining("delivery p99")],
    });
    const json = await runCommand([...compare, "--json"]);
    expect(JSON.parse(json.out.join(""))).toHaveProperty("figures.0.ratio");
  });

  it("milepost bench compare names a file that is missing or no report", async () => {
    await writeFile(file("c.json"), "[]");
    for (const name of ["c.json", "none.json"]) {
      const outcome = await runCommand(["bench", "compare", file(name), file(name)]);
      expect(outcome).toMatchObject({ code: 2, err: [expect.stringContaining(name)] });
    }
  });
});

describe("the progress of milepost bench", () => {
  const where = {
    ...({ phase: "measure", done: 0.5, open: 90, failed: 10 } as const),
    ...{ deliveries: 4_000, p99Us: 12_345 },
  };

  it("the progress is a bar in a terminal, no wider than it, and is taken away at the end", () => {
    const terminal = new TestTerminal();
    terminal.columns = 60;
    const progress = new BenchProgress(terminal);
    progress.show(where);
    progress.end();
    const text = terminal.passed.err.toString();
    expect(text).toContain("[############------------] measure 50 %, 90 connected");
    expect(text.endsWith("\r\u001b[2K")).toBe(true);
    expect(Math.max(...text.split("\r\u001b[2K").map(({ length }) => length))).toBeLessThan(60);
  });

  it("the progress is a plain line for each phase in a pipe, without escape codes", () => {
    const terminal = new TestTerminal();
    const progress = new BenchProgress(terminal);
    for (let i = 0; i < 5; i++) progress.show(where);
    progress.show({ ...where, phase: "finish" });
    progress.end();
    expect(terminal.errLines).toEqual([
      "measure 50 %, 90 connected, 10 failed, 4000 deliveries/s, p99 12.3 ms",
      "finish 50 %, 90 connected, 10 failed, 4000 deliveries/s, p99 12.3 ms",
    ]);
    expect(terminal.passed.err).toHaveLength(0);
  });
});
