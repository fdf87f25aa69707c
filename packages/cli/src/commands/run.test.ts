import type { OperationState } from "@milepost/model";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { run } from "../program.ts";
import { type CliGateway, startGateway } from "../testing/test-gateway.ts";
import { runCommand, TestTerminal } from "../testing/test-terminal.ts";

let server: CliGateway;
let id = "";
let runs = 0;

beforeAll(async () => {
  server = await startGateway();
});
afterAll(() => server[Symbol.asyncDispose]());
beforeEach(() => {
  id = `op-${++runs}`;
});

/** Runs `milepost run` with a shell script as the command, as the operation `id`. */
function start(script: string, flags: readonly string[] = []) {
  const terminal = new TestTerminal({ ...process.env, ...server.env });
  const args = ["run", "--id", id, "--quiet", ...flags, "--", "sh", "-c", script];
  return { terminal, code: run(args, terminal) };
}

async function until(holds: (state: OperationState) => boolean): Promise<OperationState> {
  for (;;) {
    const found = await server.gateway.operations.get(id).catch(() => undefined);
    if (found !== undefined && holds(found.operation)) return found.operation;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const stateOf = async () => (await server.gateway.operations.get(id)).operation;

describe("milepost run", () => {
  it("[P-RUN-1][P-RUN-2] milepost run passes the output on unchanged, reports it with its colours, and returns the exit code", async () => {
    const script = "printf '\\033[31mred\\033[0m'; printf 'bad \\377 byte\\n' >&2; exit 3";
    const { terminal, code } = start(script, [
      "--output",
      "apart",
      "--title",
      "Paint",
      "--size",
      "12",
    ]);
    expect(await code).toBe(3);
    expect(terminal.passed.out.toString()).toBe("\u001b[31mred\u001b[0m");
    expect(terminal.passed.err).toEqual(Buffer.from("bad \xff byte\n", "latin1"));
    expect(terminal.errLines).toEqual([]);
    expect(await stateOf()).toMatchObject({
      kind: "command",
      title: "Paint",
      size: 12,
      status: "failed",
      error: { code: "exit_3", message: "ended with exit code 3", retryable: false },
      texts: {
        stdout: { text: "\u001b[31mred\u001b[0m", done: true },
        stderr: { text: "bad \ufffd byte\n", done: true },
      },
      log: [{ level: "error", data: { exit_code: 3 } }],
    });
  });

  it("[P-RUN-2] the exit code 0 is the result, and the title names the program and no argument", async () => {
    const { code } = start("echo out; echo $MILEPOST_OPERATION_ID", []);
    expect(await code).toBe(0);
    expect(await stateOf()).toMatchObject({
      status: "done",
      title: "sh",
      result: { exit_code: 0 },
      texts: { output: { text: `out\n${id}\n`, done: true } },
    });
  });

  it("[P-RUN-3] lines that match the pattern are progress, also without an end of the line", async () => {
    const { code } = start(
      "printf '\\rfile 1/4'; printf '\\rfile 3/4'; read x < /dev/null; sleep 5",
      ["--progress", "(?<unit>file) (?<done>[0-9]+)/(?<total>[0-9]+)", "--grace", "1s"],
    );
    const state = await until(({ percent }) => percent === 75);
    expect(state.counter).toEqual({ done: 3, total: 4, unit: "file" });
    await server.gateway.operations.command(id, { command: "cancel" });
    expect(await code).toBe(143);
  });

  it("[P-RUN-3] OSC 9;4 sequences are progress, and a bar that was removed begins again", async () => {
    const { code } = start(
      "printf '\\033]9;4;1;80\\007'; printf '\\033]9;4;0\\007\\033]9;4;1;10\\007'; exec sleep 5",
    );
    await until(({ percent }) => percent === 10);
    await server.gateway.operations.command(id, { command: "cancel" });
    await code;
  });

  it("[P-RUN-4] a cancel ends all processes of the command: SIGTERM first, and SIGKILL after the grace", async () => {
    const script =
      "trap 'echo heard' TERM; (trap '' TERM; while :; do sleep 0.05; done) & while :; do sleep 0.05; done";
    const { terminal, code } = start(script, ["--grace", "300ms"]);
    await until(({ status }) => status === "running");
    await server.gateway.operations.command(id, { command: "cancel" });
    expect(await code).toBe(137);
    expect(terminal.passed.out.toString()).toBe("heard\n");
    expect(await stateOf()).toMatchObject({
      status: "cancelled",
      commands: [{ command: "cancel", phase: "done" }],
    });
  });

  it("[P-RUN-4] a command that ends with 0 on a cancel is cancelled, not done", async () => {
    const { code } = start("trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done");
    await until(({ texts }) => texts.output !== undefined);
    await server.gateway.operations.command(id, { command: "cancel" });
    expect(await code).toBe(0);
    expect((await stateOf()).status).toBe("cancelled");
  });

  it("[P-RUN-5] pause stops the processes at once, resume lets them continue, and a cancel reaches a paused command", async () => {
    const { code } = start("i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done");
    await until(({ texts }) => texts.output !== undefined);
    await server.gateway.operations.command(id, { command: "pause" });
    await until(({ status }) => status === "paused");
    const held = await until(({ commands }) => commands[0]?.phase === "done");
    const stopped = held.texts.output?.text.length ?? 0;
    await server.gateway.operations.command(id, { command: "resume" });
    await until(({ texts }) => (texts.output?.text.length ?? 0) > stopped + 10);
    await server.gateway.operations.command(id, { command: "pause" });
    await until(({ status }) => status === "paused");
    await server.gateway.operations.command(id, { command: "cancel" });
    expect(await code).toBe(143);
  });

  it("[P-RUN-6] a signal goes on to the command, and a command that it ends is cancelled", async () => {
    const { terminal, code } = start("exec sleep 20");
    await until(({ status }) => status === "running");
    terminal.emitter.emit("signal", "SIGINT");
    expect(await code).toBe(130);
    expect(await stateOf()).toMatchObject({
      status: "cancelled",
      reason: "interrupted by SIGINT",
    });
  });

  it("[P-RUN-7] without a gateway the command runs, its output passes, and its exit code is kept", async () => {
    const terminal = new TestTerminal({
      ...process.env,
      MILEPOST_API_KEY: "key",
      MILEPOST_URL: "http://127.0.0.1:1",
    });
    const code = await run(
      ["run", "--deliver", "50ms", "sh", "-c", "echo works; exit 7"],
      terminal,
    );
    expect(code).toBe(7);
    expect(terminal.passed.out.toString()).toBe("works\n");
    expect(terminal.errLines.join("\n")).toMatch(/store_unavailable: .*the command runs on/);
  });

  it("[P-RUN-8] much output is left out in the middle, says so, and its end is there", async () => {
    const { terminal, code } = start("yes | head -c 3000000; echo the end");
    expect(await code).toBe(0);
    expect(terminal.passed.out.length).toBe(3_000_008);
    const { text } = (await stateOf()).texts.output ?? { text: "" };
    expect(text).toMatch(/\[milepost: [0-9]+ bytes of output left out\]\n[y\n]+the end\n$/);
  });

  it("[P-RUN-2] a command that is not found or not executable ends with 127 or 126", async () => {
    const run = (...command: string[]) => runCommand(["run", "--", ...command], server.env);
    expect(await run("/no/such/program")).toMatchObject({
      code: 127,
      err: ["milepost: /no/such/program: command not found"],
    });
    expect((await run("/etc/passwd")).code).toBe(126);
  });

  it("milepost run refuses a pattern without a group, an unknown group and a missing key before it starts anything", async () => {
    const refused = async (pattern: string) =>
      (await runCommand(["run", "--progress", pattern, "--", "true"])).err.join("\n");
    expect(await refused("[0-9]+%")).toMatch(/It must have a group/);
    expect(await refused("(?<pct>[0-9]+)%")).toMatch(/It has a group "pct"/);
    expect(await refused("(")).toMatch(/It must be a regular expression/);
    expect(await runCommand(["run", "--", "true"])).toMatchObject({ code: 3 });
  });
});
