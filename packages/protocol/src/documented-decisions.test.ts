import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it, test } from "vitest";
import { documentText } from "./testing/test-titles.ts";

const folder = fileURLToPath(new URL("../../../docs/adr", import.meta.url));
const files = readdirSync(folder).filter((file) => file !== "README.md");
const index = documentText("docs/adr/README.md");

/**
 * A decision record of docs/adr, parsed from its file. A field is undefined if the record does not follow the
 * template there.
 */
interface DecisionRecord {
  readonly file: string;
  readonly text: string;
  readonly number: number;
  readonly title: string | undefined;
  readonly status: string | undefined;
  readonly date: string | undefined;
}

const records: readonly DecisionRecord[] = files.toSorted().map((file) => {
  const text = documentText(`docs/adr/${file}`);
  return {
    file,
    text,
    number: Number(/^(\d{4})-/.exec(file)?.[1]),
    title: /^# \d+\. (.+)\n/.exec(text)?.[1],
    status: /^- Status: (.+)$/m.exec(text)?.[1],
    date: /^- Date: (\d{4}-\d{2}-\d{2})$/m.exec(text)?.[1],
  };
});

const rows = [...index.matchAll(/^\| \[(\d+)\] \| (.+) \| (.+) \| (.+) \|$/gm)].map(
  ([, number = "", title = "", status = "", date = ""]) => ({ number, title, status, date }),
);
const links = [...index.matchAll(/^\[(\d+)\]: (\S+)$/gm)].map(
  ([, number = "", file = ""]) => `${number} ${file}`,
);

const statusForm = /^(?:accepted|(?:partly )?superseded by (\d+))$/;

/** Returns the file name of a decision record: its number with four digits, then the words of its title. */
function fileName(number: number, title = ""): string {
  const words = title
    .toLowerCase()
    .replaceAll("'", "")
    .match(/[a-z0-9]+/g);
  return `${String(number).padStart(4, "0")}-${(words ?? []).join("-")}.md`;
}

describe("the decision records of docs/adr", () => {
  it("decision records are numbered from 1, and no number is used twice", () => {
    // A gap is a number that another branch has reserved.
    const numbers = records.map(({ number }) => number);
    expect(numbers[0]).toBe(1);
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
  });

  test.each(records)(
    "ADR $number has a title that matches its file name, a status, a date and the three sections",
    ({ file, text, number, title, status, date }) => {
      expect(text).toMatch(new RegExp(`^# ${number}\\. \\S`));
      expect(fileName(number, title)).toBe(file);
      expect(status).toMatch(statusForm);
      expect(date).toBeDefined();
      const sections = [...text.matchAll(/^## (.+)\n\n\S/gm)].map(([, name]) => name);
      // A record may end with the evidence that its decision rests on.
      if (sections.at(-1) === "Evidence") sections.pop();
      expect(sections).toEqual(["Context", "Decision", "Consequences"]);
    },
  );

  test.each(records)(
    "ADR $number links to its successor if it is superseded",
    ({ text, number, status = "" }) => {
      const successor = Number(statusForm.exec(status)?.[1]);
      const link = /^- Superseded by: \[ADR (\d+)\]\(([^)]+)\)/m.exec(text);
      if (Number.isNaN(successor)) {
        expect(link).toBeNull();
        return;
      }
      expect(successor).toBeGreaterThan(number);
      expect(Number(link?.[1])).toBe(successor);
      expect(link?.[2]).toBe(records.find((record) => record.number === successor)?.file);
    },
  );

  it("decision records link to each other with the right number and an existing file name", () => {
    const linked = records.flatMap(({ file, text }) =>
      [...text.matchAll(/\[ADR\s(\d+)\]\(([^)]+)\)/g)].map(([, number = "", target = ""]) => ({
        from: file,
        number: Number(number),
        target,
      })),
    );
    const broken = linked.filter(
      ({ number, target }) => records.find((record) => record.number === number)?.file !== target,
    );
    expect(broken).toEqual([]);
  });

  it("decision records have no line of 150 characters or more, and neither has their index", () => {
    const texts = [...records, { file: "README.md", text: index }];
    const long = texts.flatMap(({ file, text }) =>
      text.split("\n").flatMap((line, at) => (line.length < 150 ? [] : [`${file}:${at + 1}`])),
    );
    expect(long).toEqual([]);
  });
});

describe("the index of docs/adr", () => {
  it("the index of decisions has each record once, in order, with its title, status and date", () => {
    expect(rows).toEqual(
      records.map(({ number, title, status, date }) => ({
        number: String(number),
        title,
        status,
        date,
      })),
    );
  });

  it("the index of docs/adr links each number to its file exactly once", () => {
    expect(links).toEqual(records.map(({ number, file }) => `${number} ${file}`));
  });
});
