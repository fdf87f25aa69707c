import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import { startGateway } from "./testing/test-gateway.ts";
import { runCommand } from "./testing/test-terminal.ts";

/** JSON text that JavaScript would not write again after it has read it. */
const odd = '{"10":12345678901234567890,"2":[-0,1e400,1.0],"a":"\\u00e9","a":"\\/"}';
/** Characters that a terminal acts on, or that reverse the direction of a line. */
const hostile = "a\u009b31mb\u202ec\u2066d\u200be\u007ff";
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
const acting = /[\u0000-\u001f\u007f-\u009f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/;

describe("data on the command line", () => {
  it("[P-DIA-4] milepost publish sends data as it was written, and milepost tail prints it so", async () => {
    await using server = await startGateway();
    for (const [text, stdin] of [
      [odd, ""],
      ["-", ` ${odd.replaceAll(",", " , ")}\n`],
    ] as const) {
      const published = await runCommand(["publish", "log:a", "e", text], server.env, stdin);
      expect(published.code).toBe(0);
    }
    const args = ["tail", "log:a", "--since", "start", "--count", "2"];
    const plain = await runCommand(args, server.env);
    expect(plain.out.map((line) => line.slice(line.indexOf(" e ")))).toEqual([
      ` e ${odd}`,
      ` e ${odd}`,
    ]);
    const json = await runCommand([...args, "--json"], server.env);
    for (const line of json.out) expect(line).toContain(`"event":"e","data":${odd},"ts":`);
  });

  it("[P-DIA-4] milepost dlq shows and lists the data of a dead letter as it was published", async () => {
    const rule = {
      pattern: "job:*",
      subscribe: "granted",
      publish: "granted",
      retention: { maxEntries: 10, maxAgeMs: 60_000 },
    } as const;
    let taken: Promise<unknown> = Promise.resolve();
    await using server = await startGateway([{ ...rule, publish: "nobody" }], {
      sources: [
        {
          start(take) {
            const fields = { channel: "job:a", event: "e", data: odd };
            taken = take("work", { id: "1-0", attempt: 1, fields });
          },
          close: () => Promise.resolve(),
        },
      ],
    });
    expect(await taken).toBe("dead_letter");
    const list = await runCommand(["dlq", "list", "--json"], server.env);
    expect(list.out.join()).toContain(`"data":${odd}`);
    const { id } = JSON.parse(list.out[0] ?? "").letters[0];
    const one = await runCommand(["dlq", "show", id, "--json"], server.env);
    expect(one.out.join()).toContain(`"data":${odd}`);
    const block = await runCommand(["dlq", "show", id], server.env);
    expect(block.out.join()).toContain('"10": 12345678901234567890,\n');
  });

  it("[P-DIA-8] milepost ops command refuses arguments that the gateway would change, and names the place", async () => {
    await using server = await startGateway();
    await server.gateway.operations.create({ kind: "k", operation_id: "9" });
    const args = ["ops", "command", "9", "cancel", "--args", '{"id":12345678901234567890}'];
    expect(await runCommand(args, server.env)).toMatchObject({
      code: 1,
      err: [expect.stringContaining("args.id is 12345678901234567890")],
    });
    const shown = await runCommand(["ops", "get", "9"], server.env);
    expect(JSON.parse(shown.out.join())).toMatchObject({ id: "9", kind: "k" });
  });

  it("milepost publish refuses standard input that is not UTF-8, publishes nothing, and exits with 2", async () => {
    await using server = await startGateway();
    const args = ["publish", "log:a", "e", "-"];
    for (const bytes of [
      [0x22, 0xff, 0x22],
      [0x22, 0xc3, 0x22],
      [0x22, 0xed, 0xa0, 0x80, 0x22],
    ]) {
      expect(await runCommand(args, server.env, Uint8Array.from(bytes))).toMatchObject({
        code: 2,
        err: [expect.stringContaining("standard input is not valid UTF-8")],
      });
    }
    const utf16 = Buffer.from('\ufeff"a"', "utf16le");
    expect(await runCommand(args, server.env, utf16)).toMatchObject({ code: 2, out: [] });
    // A byte order mark is skipped, as the HTTP API does.
    expect(await runCommand(args, server.env, '\ufeff"first"\n')).toMatchObject({ code: 0 });
    const tail = ["tail", "log:a", "--since", "start", "--count", "1"];
    expect((await runCommand(tail, server.env)).out).toEqual([
      expect.stringMatching(/ e "first"$/),
    ]);
  });
});

describe("text from outside on a terminal", () => {
  it("milepost tail prints characters that a terminal acts on as escapes, with the same value in JSON", async () => {
    await using server = await startGateway();
    const data = { [hostile]: hostile, half: "\ud800", zwj: "👩‍👧" };
    await server.gateway.publish("log:a", "e", data);
    const args = ["tail", "log:a", "--since", "start", "--count", "1"];
    const plain = await runCommand(args, server.env);
    expect(plain.out.join()).not.toMatch(acting);
    expect(plain.out.join()).toContain("\\u009b31mb\\u202ec\\u2066d\\u200be\\u007ff");
    const json = await runCommand([...args, "--json"], server.env);
    expect(json.out.join()).not.toMatch(acting);
    expect(JSON.parse(json.out[0] ?? "").data).toEqual(data);
  });

  it("milepost ops prints titles and states without characters that a terminal acts on", async () => {
    await using server = await startGateway();
    await server.gateway.operations.create({ kind: "k", operation_id: "9", title: hostile });
    for (const args of [[], ["--json"], ["get", "9"], ["get", "9", "--json"]]) {
      const { code, out } = await runCommand(["ops", ...args], server.env);
      expect(code).toBe(0);
      for (const line of out.join("\n").split("\n")) expect(line).not.toMatch(acting);
      expect(out.join()).toMatch(/31mb/);
    }
  });

  it("milepost end and milepost doctor print a text with a line break from outside in one line", async () => {
    await using server = await startGateway();
    const { out } = await runCommand(
      ["end", "log:a", "--reason", `${hostile}\nforged`],
      server.env,
    );
    expect(out).toHaveLength(1);
    expect(out.join()).not.toMatch(acting);
    await using answering = await startAnswering({ code: "x", detail: "a\nforged" });
    const env = { ...server.env, MILEPOST_URL: answering.url };
    const checked = await runCommand(["doctor"], env);
    expect(checked.out.join("\n")).not.toMatch(/^forged/m);
  });

  it("an error of the gateway, and an argument in a usage error, print one line without such characters", async () => {
    await using server = await startAnswering({
      code: "forbidden",
      detail: `no ${hostile}\nmilepost: all is well`,
    });
    const env = { MILEPOST_URL: server.url, MILEPOST_API_KEY: "k" };
    const refused = await runCommand(["publish", "log:a", "e"], env);
    expect(refused).toMatchObject({ code: 1, out: [] });
    expect(refused.err).toHaveLength(1);
    expect(refused.err.join()).not.toMatch(acting);
    const wrong = await runCommand([`--${hostile}`], env);
    expect(wrong.code).toBe(2);
    expect(wrong.err.join("").replaceAll("\n", "")).not.toMatch(acting);
  });
});

/** Starts a server that refuses every request with a problem document. */
async function startAnswering(problem: object) {
  const server = createServer((_, response) => {
    response.writeHead(403, { "Content-Type": "application/problem+json" });
    response.end(JSON.stringify(problem));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
