import { describe, expect, it } from "vitest";
import { startGateway } from "../testing/test-gateway.ts";
import { runCommand } from "../testing/test-terminal.ts";

describe("milepost end", () => {
  it("[P-END-1] milepost end ends the stream of a channel once, and a later publish to the channel exits with 1", async () => {
    await using server = await startGateway();
    await runCommand(["publish", "log:42", "line", '"one"'], server.env);
    const ended = await runCommand(["end", "log:42", "--reason", "all done"], server.env);
    expect(ended).toMatchObject({ code: 0, out: [expect.stringMatching(/^\S+ all done$/)] });
    const again = await runCommand(["end", "log:42", "--json"], server.env);
    expect(JSON.parse(again.out[0] ?? "")).toMatchObject({ reason: "all done", duplicate: true });
    expect(await runCommand(["publish", "log:42", "line"], server.env)).toMatchObject({
      code: 1,
      err: [expect.stringMatching(/^milepost: ended: /)],
    });
  });
});
