import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect, test } from "vitest";

const page = readFileSync(new URL("../../docs/contract.md", import.meta.url), "utf8");
const folder = fileURLToPath(new URL("./documented-contract/", import.meta.url));

/** Programs of docs/contract.md by their path; each program begins with a comment that names its file. */
const programs = new Map(
  [...page.matchAll(/```tsx?\n(\/\/ (\S+)\n[\s\S]*?)```/g)].map(([, text = "", name = ""]) => [
    folder + name,
    text,
  ]),
);

const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.NodeNext,
  lib: ["lib.es2023.d.ts", "lib.esnext.disposable.d.ts", "lib.dom.d.ts"],
  types: ["node"],
  jsx: ts.JsxEmit.ReactJSX,
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  allowImportingTsExtensions: true,
  skipLibCheck: true,
  noEmit: true,
};

/** Compiles the programs, some of them with the text in `replaced`, and returns the compiler's messages. */
function complaints(replaced: Readonly<Record<string, string>> = {}): string[] {
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  const textOf = (path: string) => replaced[path.slice(folder.length)] ?? programs.get(path);
  const isOurs = (path: string) => programs.has(path);
  host.directoryExists = (path) => `${path}/` === folder || ts.sys.directoryExists(path);
  host.fileExists = (path) => isOurs(path) || fileExists(path);
  host.readFile = (path) => (isOurs(path) ? textOf(path) : readFile(path));
  host.getSourceFile = (path, version, ...rest) =>
    isOurs(path)
      ? ts.createSourceFile(path, textOf(path) ?? "", version)
      : getSourceFile(path, version, ...rest);
  const program = ts.createProgram([...programs.keys()], options, host);
  return ts.getPreEmitDiagnostics(program).map(({ file, messageText }) => {
    const says = ts.flattenDiagnosticMessageText(messageText, "\n");
    return `${file?.fileName.slice(folder.length)}: ${says}`;
  });
}

test("[W10] the programs of docs/contract.md compile, and their expected errors occur", () => {
  expect([...programs.keys()].map((path) => path.slice(folder.length))).toEqual([
    "contract.ts",
    "gateway.ts",
    "page.ts",
    "room.tsx",
    "work.ts",
    "types.ts",
  ]);
  expect(complaints()).toEqual([]);
});

test("[W10] a changed contract breaks each program that no longer fits it", () => {
  const text = programs.get(`${folder}contract.ts`) ?? "";
  const changed = text
    .replace("text: z.string()", "words: z.string()")
    .replace('"read"', '"reading"')
    .replace("cents", "euros");
  const broken = complaints({ "contract.ts": changed }).map((line) => line.split(":")[0]);
  expect(new Set(broken)).toEqual(new Set(["gateway.ts", "page.ts", "room.tsx", "work.ts"]));
});

test("[W10] the compiler's message for a wrong name lists the valid names", () => {
  const events = `'"message" | "opened"'`;
  const wrong: readonly (readonly [string, string, string])[] = [
    ["page.ts", 'client.channel("rom:42")', "`room:"],
    ["page.ts", 'client.publish("room:42", "mesage", {})', `parameter of type ${events}`],
    ["page.ts", 'client.channel("room:42").publish("mesage", {})', `parameter of type ${events}`],
    ["page.ts", 'client.channel("room:42").events({ events: ["mesage"] })', `to type ${events}`],
    ["page.ts", 'client.request("cart.totl", {})', `parameter of type '"cart.total" | `],
    ["page.ts", 'client.operation("o", "indx")', `parameter of type '"index"'`],
    ["room.tsx", 'useChannel("room:42", { events: ["mesage"] })', `to type ${events}`],
    ["work.ts", 'producer.run({ kind: "indx", input: { folder: "" } }, () => 1)', `'"index"'`],
    [
      "work.ts",
      'producer.run({ kind: "index", input: { folder: "" } }, (op) => (op.step("x"), { files: 1 }))',
      `parameter of type '"read" | "write"'`,
    ],
  ];
  const replaced = new Map([...programs].map(([path, text]) => [path.slice(folder.length), text]));
  for (const [name, line] of wrong) replaced.set(name, `${replaced.get(name)}\n${line};`);
  expect(complaints(Object.fromEntries(replaced))).toEqual(
    wrong.map(([name, , says]) =>
      expect.stringMatching(new RegExp(`^${name}: .*${literal(says)}`)),
    ),
  );
});

function literal(text: string): string {
  return text.replace(/[|${}.]/g, "\\$&");
}
