import { type FormEvent, useState } from "react";
import { DataTable } from "../parts/data-table.tsx";
import { FailureNote } from "../parts/failure-note.tsx";
import { TextField } from "../parts/text-field.tsx";
import { usePolled } from "../session/use-polled.ts";

interface RuleView {
  readonly pattern: string;
  readonly origin: string;
  readonly index: number;
}

interface Explanation {
  readonly channel: string;
  readonly holds: RuleView;
  readonly rule: unknown;
  readonly captures: Readonly<Record<string, string>>;
  readonly tried: readonly (RuleView & { readonly why: string })[];
  readonly roll_up?: string;
  readonly unreadable?: string;
}

/** Rules change with a restart alone. */
const pollMs = 60_000;

/** Page that says which rule holds for the name of a channel, and why. */
export function RulesPage() {
  const [text, setText] = useState("");
  const [name, setName] = useState<string>();
  const all = usePolled<{ rules: readonly (RuleView & { unreachable_by?: RuleView })[] }>(
    "v1/rules",
    pollMs,
  );
  const found = usePolled<Explanation>(
    name === undefined ? undefined : `v1/rules/${encodeURIComponent(name)}`,
    pollMs,
  );
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (text.trim() !== "") setName(text.trim());
  };
  return (
    <>
      <div className="head">
        <h1>Rules</h1>
      </div>
      <form className="panel search" onSubmit={submit}>
        <TextField label="Name of a channel" value={text} onChange={setText} isWide />
        <button type="submit" className="button">
          Which rule holds?
        </button>
      </form>
      <FailureNote error={found.error ?? all.error} />
      {found.value !== undefined && <Held explanation={found.value} />}
      {all.value !== undefined && (
        <>
          <h2>All rules, in their order</h2>
          <DataTable label="All rules" columns={["Pattern", "Of", "Number", "Note"]}>
            {all.value.rules.map((each) => (
              <tr key={placeText(each)}>
                <th scope="row">
                  <code>{each.pattern}</code>
                </th>
                <td>{each.origin}</td>
                <td>{each.index + 1}</td>
                <td>
                  {each.unreachable_by !== undefined &&
                    `never holds: ${each.unreachable_by.pattern} comes before it`}
                </td>
              </tr>
            ))}
          </DataTable>
        </>
      )}
    </>
  );
}

function Held({ explanation }: { readonly explanation: Explanation }) {
  const { channel, holds, rule, captures, tried, roll_up, unreadable } = explanation;
  const named = Object.entries(captures).map(([name, value]) => `{${name}} is ${value}`);
  return (
    <section className="detail" aria-label={`Rule of ${channel}`}>
      <p className="note" data-tone={unreadable === undefined ? "go" : "halt"} role="status">
        <strong>{holds.pattern}</strong> holds for {channel}, rule {holds.index + 1} of the{" "}
        {holds.origin}.{named.length > 0 && ` There, ${named.join(" and ")}.`}
        {roll_up !== undefined && ` Its entries can be read in ${roll_up} too.`}
        {unreadable !== undefined && ` Nobody can read it: ${unreadable}`}
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard scrolls it */}
      <section className="panel table" aria-label="The rule" tabIndex={0}>
        <pre>{JSON.stringify(rule, undefined, 2)}</pre>
      </section>
      {tried.length > 0 && (
        <DataTable label="Earlier rules" columns={["Earlier rule", "Of", "Why it does not hold"]}>
          {tried.map((each) => (
            <tr key={placeText(each)}>
              <th scope="row">
                <code>{each.pattern}</code>
              </th>
              <td>{each.origin}</td>
              <td>{each.why}</td>
            </tr>
          ))}
        </DataTable>
      )}
    </section>
  );
}

function placeText({ origin, index }: RuleView): string {
  return `${origin} ${index}`;
}
