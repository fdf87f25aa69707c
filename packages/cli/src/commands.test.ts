import { expect, it } from "vitest";
import { loadCommands } from "./commands.ts";
import { TestTerminal } from "./testing/test-terminal.ts";

const names = async (args: readonly string[]) =>
  (await loadCommands(args, new TestTerminal())).map((command) => command.name());

it("a command line loads the command that it names alone, so that a gateway does not keep the others in memory", async () => {
  const all = await names([]);
  expect(all).toContain("bench");
  for (const name of all) expect(await names([name, "--help"])).toEqual([name]);
});

it("a command line that names no command loads all of them, for the help and for what was meant", async () => {
  const all = await names([]);
  for (const args of [["--help"], ["sevre"], ["toString"], ["--version"]]) {
    expect(await names(args)).toEqual(all);
  }
});
