import { expect, it } from "vitest";
import { runCommand } from "../testing/test-terminal.ts";

it("[P-NAME-3] milepost id prints the id of a user as channel names have it", async () => {
  for (const [id, encoded] of [
    ["7", "7"],
    ["auth0|7", "auth0~7C7"],
  ] as const) {
    expect(await runCommand(["id", id])).toMatchObject({ code: 0, out: [encoded] });
  }
});

it("[P-NAME-4] milepost id refuses an empty id and exits with 2", async () => {
  expect(await runCommand(["id", ""])).toMatchObject({ code: 2, out: [] });
});
