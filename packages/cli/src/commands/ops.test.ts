import { describe, expect, it } from "vitest";
import { startGateway } from "../testing/test-gateway.ts";
import { runCommand } from "../testing/test-terminal.ts";

describe("milepost ops", () => {
  it("milepost ops lists operations as a table or JSON, and an empty list when there are none", async () => {
    await using server = await startGateway();
    expect(await runCommand(["ops", "list", "--json"], server.env)).toMatchObject({ out: ["[]"] });
    await server.gateway.operations.create({
      kind: "index",
      operation_id: "9",
      title: "Index\u001b[31m the folder",
      session_id: "s1",
    });
    const { code, out } = await runCommand(["ops"], server.env);
    expect(code).toBe(0);
    expect(out).toEqual([
      "OPERATION  STATUS   DONE  WHAT",
      "9          waiting  0%    Index�[31m the folder",
    ]);
    const filtered = await runCommand(["ops", "list", "--session", "other", "--json"], server.env);
    expect(filtered.out).toEqual(["[]"]);
  });

  it("milepost ops get shows one operation, or reports not_found", async () => {
    await using server = await startGateway();
    await server.gateway.operations.create({ kind: "index", operation_id: "9" });
    const { out } = await runCommand(["ops", "get", "9"], server.env);
    expect(JSON.parse(out.join("\n"))).toMatchObject({ id: "9", status: "waiting" });
    expect(await runCommand(["ops", "get", "no/such"], server.env)).toMatchObject({
      code: 1,
      err: [expect.stringMatching(/not_found/)],
    });
  });

  it("milepost ops command sends a command to an operation", async () => {
    await using server = await startGateway();
    await server.gateway.operations.create({ kind: "index", operation_id: "9" });
    const args = ["ops", "command", "9", "cancel", "--args", '{"why":"enough"}'];
    expect(await runCommand(args, server.env)).toMatchObject({
      code: 0,
      out: [expect.stringMatching(/^\S+ requested$/)],
    });
    expect(await server.gateway.operations.pendingCommands({ operation: "9" }, 0)).toMatchObject([
      { command: "cancel", args: { why: "enough" } },
    ]);
    expect(await runCommand(["ops", "command", "9", "retry"], server.env)).toMatchObject({
      code: 1,
      err: [expect.stringMatching(/not_possible_now/)],
    });
  });

  it("[P-CMD-11] milepost ops command-all sends a command to all operations of a filter, over several pages", async () => {
    await using server = await startGateway();
    const { operations } = server.gateway;
    for (let i = 0; i < 102; i++) {
      await operations.create({ kind: "sweep", operation_id: `s${i}`, tags: ["nightly"] });
    }
    await operations.create({ kind: "sweep", operation_id: "other" });
    const args = ["ops", "command-all", "cancel", "--kind", "sweep", "--tag", "nightly"];
    const { code, out } = await runCommand(args, server.env);
    expect(code).toBe(0);
    expect(out).toHaveLength(102);
    expect(new Set(out.map((line) => line.replace(/^(\S+) \S+ /, "$1 ")))).toEqual(
      new Set(Array.from({ length: 102 }, (_, i) => `s${i} requested`)),
    );
    expect(await operations.pendingCommands({ operation: "other" }, 0)).toEqual([]);
    expect(await operations.pendingCommands({ operation: "s0" }, 0)).toMatchObject([
      { command: "cancel" },
    ]);
    const json = await runCommand([...args, "--json"], server.env);
    const results = json.out.map((line) => JSON.parse(line) as { readonly operation_id: string });
    expect(new Set(results.map((one) => one.operation_id)).size).toBe(102);
    expect(await runCommand(["ops", "command-all", "cancel"], server.env)).toMatchObject({
      code: 1,
      err: [expect.stringMatching(/must have a condition/)],
    });
    const none = ["ops", "command-all", "cancel", "--tag", "hourly"];
    expect(await runCommand(none, server.env)).toMatchObject({
      code: 0,
      out: ["no operation of this filter takes the command now"],
    });
  });
});

it("milepost ops reports a credential with characters that an HTTP header cannot carry, and exits with 3", async () => {
  expect(await runCommand(["ops"], { MILEPOST_API_KEY: "key-of-“me”" })).toMatchObject({
    code: 3,
    err: [expect.stringMatching(/^milepost: the credential has characters that no header/)],
  });
});
