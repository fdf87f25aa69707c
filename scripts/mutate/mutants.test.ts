import { connect } from "node:net";
import { createInterface } from "node:readline";
import { parseAst } from "rolldown/parseAst";
import { describe, expect, test } from "vitest";
import { startRedis } from "../../packages/redis/src/testing/redis-server.ts";
import { lists } from "./lists.mjs";
import { withFault } from "./mutant.mjs";

const mutants = lists.flatMap(({ mutants }) => mutants);

/** Returns what the parser says against a TypeScript file; undefined if it can be read. */
function complaintOf(file: string, text: string): string | undefined {
  try {
    parseAst(text, { lang: file.endsWith("x") ? "tsx" : "ts" }, file);
    return undefined;
  } catch (error) {
    return String(error);
  }
}

/** Returns what Redis says of each script when it compiles it: a digest, or an error. */
async function loaded(port: number, scripts: readonly string[]): Promise<string[]> {
  const socket = connect(port, "127.0.0.1");
  for (const script of scripts) {
    const parts = ["SCRIPT", "LOAD", script];
    socket.write(`*${parts.length}\r\n`);
    for (const part of parts) socket.write(`$${Buffer.byteLength(part)}\r\n${part}\r\n`);
  }
  const answers: string[] = [];
  for await (const line of createInterface({ input: socket })) {
    // The digest follows a line with its length.
    if (!/^\$\d+$/.test(line)) answers.push(line);
    if (answers.length === scripts.length) break;
  }
  socket.destroy();
  return answers;
}

describe("the list of mutants", () => {
  test("the list has at least 200 mutants, each of which says what it does", () => {
    expect(mutants.length).toBeGreaterThanOrEqual(200);
    for (const { subject, mutants } of lists) expect(mutants.length, subject).toBeGreaterThan(0);
    const said = mutants.map(({ file, why }) => `${file}: ${why}`);
    expect(said).toEqual([...new Set(said)]);
  });

  test("every mutant applies to the code as it is; a text that has changed or is there twice must be changed in scripts/mutate/lists", () => {
    const stale = mutants.flatMap((mutant) => {
      try {
        withFault(mutant);
        return mutant.find === mutant.replace ? [`no fault: ${mutant.find}`] : [];
      } catch (error) {
        return [String(error)];
      }
    });
    expect(stale).toEqual([]);
  });

  test("every mutant of a TypeScript file leaves a file that can be parsed", () => {
    const broken = mutants.flatMap((mutant) => {
      const { file, find } = mutant;
      if (!/\.tsx?$/.test(file)) return [];
      const complaint = complaintOf(file, withFault(mutant).text);
      return complaint === undefined ? [] : [`${file}: ${find}: ${complaint}`];
    });
    expect(broken).toEqual([]);
  });

  test.skipIf(process.env.MILEPOST_REDIS_SERVER === undefined)(
    "every mutant of a Lua script leaves a script that Redis compiles",
    async () => {
      const inLua = mutants.filter(({ file }) => file.endsWith(".lua"));
      expect(inLua.length).toBeGreaterThan(0);
      await using redis = await startRedis();
      const answers = await loaded(
        redis.port,
        inLua.map((mutant) => withFault(mutant).text),
      );
      const broken = answers.flatMap((answer, i) =>
        /^[0-9a-f]{40}$/.test(answer) ? [] : [`${inLua[i]?.file}: ${inLua[i]?.find}: ${answer}`],
      );
      expect(broken).toEqual([]);
    },
  );
});
