import { describe, expect, it } from "vitest";
import { startGateway } from "../testing/test-gateway.ts";
import { runCommand } from "../testing/test-terminal.ts";

describe("milepost publish", () => {
  it("milepost publish publishes an event and prints its position", async () => {
    await using server = await startGateway();
    const plain = await runCommand(
      ["publish", "chat:42", "message", '{"text":"hello"}'],
      server.env,
    );
    expect(plain).toMatchObject({ code: 0, out: [expect.stringMatching(/^[\w-]+\.1\.[\w-]+$/)] });
    const args = ["publish", "chat:42", "message", "--key", "k", "--json"];
    const first = await runCommand(args, server.env);
    expect(JSON.parse(first.out[0] ?? "")).toMatchObject({ channel: "chat:42", duplicate: false });
    const again = await runCommand(args, server.env);
    expect(JSON.parse(again.out[0] ?? "")).toMatchObject({ duplicate: true });
  });

  it('milepost publish reads the data of the event from standard input when the argument is "-"', async () => {
    await using server = await startGateway();
    const piped = await runCommand(
      ["publish", "chat:42", "message", "-"],
      server.env,
      '{"n": 1}\n',
    );
    expect(piped.code).toBe(0);
    expect(await runCommand(["publish", "chat:42", "message", "-"], server.env, "{")).toMatchObject(
      {
        code: 2,
      },
    );
  });

  it("[P-OUT-2] milepost publish sends a priority, and exits with 2 for an unknown one", async () => {
    await using server = await startGateway();
    const args = ["publish", "chat:42", "message", "1", "--priority"];
    expect(await runCommand([...args, "high"], server.env)).toMatchObject({ code: 0 });
    expect(await runCommand([...args, "urgent"], server.env)).toMatchObject({
      code: 2,
      err: expect.arrayContaining([expect.stringContaining("high")]),
    });
  });

  it("milepost publish prints the code of the gateway's refusal and exits with 1", async () => {
    await using server = await startGateway();
    expect(await runCommand(["publish", "chat:*", "message"], server.env)).toMatchObject({
      code: 1,
      out: [],
      err: [expect.stringMatching(/^milepost: invalid_channel: /)],
    });
    const wrong = { ...server.env, MILEPOST_API_KEY: "wrong" };
    expect(await runCommand(["publish", "a", "e"], wrong)).toMatchObject({
      code: 1,
      err: [expect.stringMatching(/^milepost: unauthenticated: /)],
    });
  });

  it("[P-SIG-5] milepost publish --sign signs the request and the publication, as a key that requires signatures demands", async () => {
    const secret = "the secret of a test, with 32 bytes:and more";
    const signing = { keys: { "2026-11": secret }, required: true };
    await using server = await startGateway([], { signing });
    const args = ["publish", "chat:42", "message", '{"n": 1.50}', "--key", "k"];
    expect(await runCommand(args, server.env)).toMatchObject({ code: 1 });
    const env = { ...server.env, MILEPOST_SIGNING_KEY: `2026-11:${secret}` };
    expect(await runCommand([...args, "--sign"], env)).toMatchObject({ code: 0 });
    const again = await runCommand([...args, "--sign", "--json"], env);
    expect(JSON.parse(again.out[0] ?? "")).toMatchObject({ duplicate: true });
  });

  it("milepost publish --sign without a usable key exits with 3, and shows nothing of the key", async () => {
    await using server = await startGateway();
    for (const key of [undefined, "", "no-colon", "2026-11:too-short", ":x"]) {
      const env = { ...server.env, MILEPOST_SIGNING_KEY: key ?? "" };
      const outcome = await runCommand(["publish", "chat:42", "message", "--sign"], env);
      expect(outcome).toMatchObject({ code: 3, out: [] });
      expect(outcome.err.join(" ")).toContain("MILEPOST_SIGNING_KEY");
      if (key) expect(outcome.err.join(" ")).not.toContain(key);
    }
  });
});
