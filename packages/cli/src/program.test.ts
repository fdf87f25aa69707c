import { describe, expect, it } from "vitest";
import { runCommand } from "./testing/test-terminal.ts";

describe("the command line", () => {
  it("milepost --help lists the commands and exit codes and exits with 0", async () => {
    const help = await runCommand(["--help"]);
    expect(help.code).toBe(0);
    for (const command of ["serve", "token", "publish", "tail", "ops", "doctor"]) {
      expect(help.out.join("\n")).toMatch(new RegExp(`^ {2}${command}\\b`, "m"));
    }
    expect(help.out.join("\n")).toMatch(/Exit codes: 0 done, 1 failed, 2 wrong/);
    expect(help.err).toEqual([]);
    expect(await runCommand(["--version"])).toMatchObject({
      code: 0,
      out: [expect.stringMatching(/^\d+\.\d+\.\d+/)],
    });
  });

  it.each([
    [["nothing"], /unknown command/],
    [["serve", "--prot", "1"], /did you mean --port/i],
    [["serve", "--port", "80000"], /whole number from 0 to 65535/],
    [["token", "--ttl", "soon"], /duration such as 90s/],
    [["publish", "chat:42"], /missing required argument 'event'/],
    [["publish", "chat:42", "e", "{nonsense"], /must be JSON/],
    [["ops", "command", "9", "explode"], /Allowed choices are cancel, pause/],
    [["ops", "list", "--limit", "0"], /from 1 to 1000/],
    [["tail", "a", "--last", "1", "--since", "now"], /cannot be used with/],
    [["tail", "a", "--url", "nowhere"], /"nowhere" is not the URL of a gateway/],
  ])("milepost %j is a usage error: it says what is wrong and exits with 2", async (args, says) => {
    const outcome = await runCommand(args, { MILEPOST_TOKEN: "t", MILEPOST_API_KEY: "k" });
    expect(outcome.code).toBe(2);
    expect(outcome.err.join("\n")).toMatch(says);
    expect(outcome.out).toEqual([]);
  });

  it.each([[["serve"]], [["token"]]])(
    "milepost %j with a wrong configuration lists every mistake and exits with 3",
    async (args) => {
      const outcome = await runCommand(args, {
        MILEPOST_TOKEN_SECRET: "short",
        MILEPOST_HOSTT: "x",
      });
      expect(outcome.code).toBe(3);
      expect(outcome.err.join("\n")).toMatch(/2 mistakes.*MILEPOST_HOST\?.*at least 32 bytes/s);
    },
  );

  it.each([[["publish", "a", "e"]], [["ops"]], [["tail", "a"]]])(
    "milepost %j without a credential says which variable to set and exits with 3",
    async (args) => {
      const outcome = await runCommand(args);
      expect(outcome).toMatchObject({ code: 3, err: [expect.stringMatching(/set MILEPOST_/)] });
    },
  );

  it("a command that cannot reach a gateway says so in one line and exits with 1", async () => {
    // Nobody listens on port 1 of this machine.
    const env = { MILEPOST_API_KEY: "k", MILEPOST_URL: "http://127.0.0.1:1" };
    expect(await runCommand(["ops"], env)).toMatchObject({
      code: 1,
      err: [
        expect.stringMatching(/^milepost: cannot reach http:\/\/127\.0\.0\.1:1; is the gateway/),
      ],
    });
  });
});
