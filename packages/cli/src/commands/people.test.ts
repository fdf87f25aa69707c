import type { Question } from "@milepost/model";
import { describe, expect, it } from "vitest";
import { run } from "../program.ts";
import { type CliGateway, startGateway } from "../testing/test-gateway.ts";
import { runCommand, TestTerminal } from "../testing/test-terminal.ts";

async function call(server: CliGateway, method: string, path: string, body?: unknown) {
  const response = await fetch(`${server.url}/v1/${path}`, {
    method,
    headers: {
      authorization: `Bearer ${server.env.MILEPOST_API_KEY}`,
      "content-type": "application/json",
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return (await response.json()) as Record<string, unknown>;
}

const operation = { kind: "deploy", operation_id: "9", title: "Deploy", user_id: "ada" };

/** Resolves to the question that a command has asked. */
async function asked(server: CliGateway, terminal: TestTerminal): Promise<string> {
  const line = await terminal.line(/asked \S+;/);
  const id = /asked (\S+);/.exec(line)?.[1] ?? "";
  expect(await call(server, "GET", `operations/9/questions/${id}`)).toMatchObject({ id });
  return id;
}

const answer = (server: CliGateway, id: string, value: unknown) =>
  call(server, "POST", `operations/9/questions/${id}/answer`, { answer: value });

describe("milepost ask", () => {
  it("[P-QST-1] milepost ask asks, waits, prints the answer, and says no by its exit code", async () => {
    await using server = await startGateway();
    await server.gateway.operations.create(operation);
    const yes = new TestTerminal(server.env);
    const approving = run(["ask", "9", "Deploy?", "--key", "k"], yes);
    await answer(server, await asked(server, yes), true);
    expect(await approving).toBe(0);
    expect(yes.outLines).toEqual(["true"]);
    // The same key finds the answer at once.
    const again = await runCommand(["ask", "9", "Deploy?", "--key", "k", "--json"], server.env);
    expect(JSON.parse(again.out[0] ?? "")).toMatchObject({ status: "answered", answer: true });
    const no = new TestTerminal(server.env);
    const refusing = run(["ask", "9", "Sure?"], no);
    await answer(server, await asked(server, no), false);
    expect(await refusing).toBe(1);
    expect(no.outLines).toEqual(["false"]);
    const choose = new TestTerminal(server.env);
    const options = ["--option", "a=The first", "--option", "b", "--role", "ops"];
    const choosing = run(["ask", "9", "Which?", ...options], choose);
    await answer(server, await asked(server, choose), "a");
    expect(await choosing).toBe(0);
    expect(choose.outLines).toEqual(["a"]);
  });

  it("[P-QST-8] milepost ask fails when the question is withdrawn, and Ctrl-C is no yes", async () => {
    await using server = await startGateway();
    await server.gateway.operations.create(operation);
    const terminal = new TestTerminal(server.env);
    const asking = run(["ask", "9", "Deploy?", "--input"], terminal);
    const id = await asked(server, terminal);
    await call(server, "DELETE", `operations/9/questions/${id}`);
    expect(await asking).toBe(1);
    expect(terminal.errLines.at(-1)).toMatch(/withdrawn/);
    const interrupted = new TestTerminal(server.env);
    const waiting = run(["ask", "9", "Deploy?"], interrupted);
    await asked(server, interrupted);
    interrupted.interrupt.abort();
    expect(await waiting).toBe(130);
    expect(interrupted.outLines).toEqual([]);
    const both = await runCommand(["ask", "9", "?", "--input", "--option", "a"], server.env);
    expect(both).toMatchObject({ code: 2, err: [expect.stringMatching(/use one of/)] });
    const later = await runCommand(["ask", "9", "Later?", "--no-wait"], server.env);
    expect(later).toMatchObject({ code: 0, out: [expect.stringMatching(/^\S+$/)] });
  });
});

describe("milepost inbox", () => {
  it("[P-INB-8] milepost inbox lists, reads, puts aside and answers, for a user or the token's user", async () => {
    await using server = await startGateway();
    await server.gateway.operations.create(operation);
    await call(server, "POST", "users/ada/notifications", { id: "n1", message: "hello\u001b[2J" });
    const { question } = (await call(server, "POST", "operations/9/questions", {
      kind: "approve",
      prompt: "Deploy?",
    })) as unknown as { readonly question: Question };
    const inbox = (...args: string[]) =>
      runCommand(["inbox", ...args, "--user", "ada"], server.env);
    const { out } = await inbox("list");
    expect(out[0]).toBe("2 new, 1 open, 0 put aside");
    expect(out[2]).toMatch(new RegExp(`^${question.id} +new +\\S+ \\S+ +Deploy – \\? Deploy\\?$`));
    expect(out[3]).toMatch(/^n1 +new .* info: hello\ufffd\[2J$/);
    expect(await inbox("read", "n1")).toMatchObject({ out: ["1 new"] });
    expect(await inbox("snooze", "n1", "--for", "2h")).toMatchObject({ out: ["1 put aside"] });
    expect(await inbox("answer", question.id, "maybe")).toMatchObject({ code: 2 });
    expect(await inbox("answer", question.id, "yes")).toMatchObject({ out: ["answered: true"] });
    expect(await inbox("answer", question.id, "yes")).toMatchObject({
      code: 1,
      err: [expect.stringMatching(/no open question/)],
    });
    const minted = await runCommand(["token", "--user", "ada"], server.env);
    const own = { MILEPOST_URL: server.url, MILEPOST_TOKEN: minted.out[0] };
    const mine = await runCommand(["inbox", "--filter", "snoozed", "--json"], own);
    expect(JSON.parse(mine.out[0] ?? "")).toMatchObject({ items: [{ id: "n1" }] });
    expect(await runCommand(["inbox"], server.env)).toMatchObject({ code: 2 });
  });

  it("[P-INB-8] milepost inbox watch prints a line for each change in a pipe, and no escape codes", async () => {
    await using server = await startGateway();
    const terminal = new TestTerminal(server.env);
    const watching = run(["inbox", "watch", "--user", "ada", "--every", "20ms"], terminal);
    await call(server, "POST", "users/ada/notifications", { id: "n1", message: "hello" });
    expect(await terminal.line(/hello/)).toMatch(/^n1 {2}new {2}\S+ \S+ {2}info: hello$/);
    await call(server, "POST", "users/ada/inbox/n1/read");
    expect(await terminal.line(/^n1 {2}\d/)).toMatch(/info: hello$/);
    await call(server, "POST", "users/ada/inbox/n1/snooze", { for_ms: 60_000 });
    expect(await terminal.line(/^gone/)).toBe("gone  n1");
    terminal.interrupt.abort();
    expect(await watching).toBe(0);
    expect(terminal.passed.out).toHaveLength(0);
  });
});

describe("milepost ops watch", () => {
  it("[P-HTTP-1] milepost ops watch redraws a terminal, leaves it clean, and prints the last view", async () => {
    await using server = await startGateway();
    await server.gateway.operations.create(operation);
    const terminal = new TestTerminal(server.env);
    Object.assign(terminal, { columns: 60, rows: 10 });
    const watching = run(["ops", "watch", "--every", "20ms"], terminal);
    const shown = () => terminal.passed.out.toString();
    await expect.poll(shown).toContain("9          waiting  0%    Deploy");
    await call(server, "POST", "operations/9/questions", { kind: "approve", prompt: "Go?" });
    await expect.poll(shown).toContain("Deploy (1 question)");
    expect(terminal.outLines).toEqual([]);
    terminal.interrupt.abort();
    expect(await watching).toBe(0);
    expect(shown().startsWith("\u001b[?1049h\u001b[?25l")).toBe(true);
    expect(shown().endsWith("\u001b[?25h\u001b[?1049l")).toBe(true);
    expect(terminal.outLines.at(-1)).toMatch(/^9 +waiting +0% +Deploy \(1 question\)$/);
    expect(terminal.emitter.listenerCount("signal")).toBe(0);
  });

  it("[P-HTTP-1] milepost ops watch ID prints changes in a pipe and ends with the operation", async () => {
    await using server = await startGateway();
    const created = await server.gateway.operations.create(operation);
    const report = (...events: object[]) =>
      call(server, "POST", "operations/9/events", { lease: created.lease.token, events });
    const terminal = new TestTerminal(server.env);
    const watching = run(["ops", "watch", "9", "--every", "20ms"], terminal);
    await terminal.line(/^waiting/);
    const step = { event: "step", data: { id: "scan", percent: 50 } };
    await report({ event: "started", data: {} }, step);
    await terminal.line(/^running {2}50%$/);
    await report({ event: "log", data: { level: "warning", message: "one left out" } });
    expect(await terminal.line(/left out/)).toBe("warning  one left out");
    await call(server, "POST", "operations/9/questions", { kind: "approve", prompt: "Go?" });
    await terminal.line(/^question {2}\S+ {2}Go\?$/);
    const error = { code: "disk", message: "no room", retryable: false };
    await report({ event: "failed", data: { error } });
    expect(await watching).toBe(1);
    expect(terminal.errLines).toEqual(["milepost: 9 is failed: no room"]);
    const json = await runCommand(["ops", "watch", "9", "--json"], server.env);
    expect(JSON.parse(json.out[0] ?? "")).toMatchObject({ id: "9", status: "failed" });
  });

  it("[P-HTTP-1] milepost ops watch goes on while the gateway is away", async () => {
    const server = await startGateway();
    await server.gateway.operations.create(operation);
    const terminal = new TestTerminal(server.env);
    const watching = run(["ops", "watch", "--every", "20ms"], terminal);
    await terminal.line(/^9 {2}waiting/);
    await server.gateway.close();
    await terminal.line(/trying again/);
    terminal.interrupt.abort();
    expect(await watching).toBe(0);
    expect(terminal.errLines).toHaveLength(1);
    const none = await runCommand(["ops", "watch"], server.env);
    expect(none).toMatchObject({ code: 1, err: [expect.stringMatching(/cannot reach/)] });
  });
});
