import { useState } from "react";
import { DataTable } from "../parts/data-table.tsx";
import { FailureNote } from "../parts/failure-note.tsx";
import { Pager } from "../parts/pager.tsx";
import { TextField } from "../parts/text-field.tsx";
import { momentText, numberText, sinceText } from "../parts/words.ts";
import { usePolled } from "../session/use-polled.ts";

interface Report {
  readonly node: string;
  readonly limits: Readonly<Record<string, number>>;
  readonly limited: readonly {
    readonly limit: string;
    readonly who: string;
    readonly count: number;
    readonly first_at: number;
    readonly last_at: number;
  }[];
}

const pollMs = 3_000;
/** Number of entries on one page. */
const listed = 50;

/** Page that says who reached a limit lately, and which limits the node has. */
export function LimitsPage() {
  const { value, error } = usePolled<Report>("v1/limits", pollMs);
  const [who, setWho] = useState("");
  const [from, setFrom] = useState(0);
  const found = (value?.limited ?? []).filter((each) => each.who.includes(who.trim()));
  return (
    <>
      <div className="head">
        <h1>Limits</h1>
      </div>
      <search className="panel search">
        <TextField
          label="Who"
          value={who}
          onChange={(text) => {
            setWho(text);
            setFrom(0);
          }}
          isWide
        />
      </search>
      <FailureNote error={error} />
      {value !== undefined && (
        <p role="status">
          {found.length === 0
            ? `Nobody${who.trim() === "" ? "" : " with this name"} has reached a limit of ${value.node} lately.`
            : `Reached limits of ${value.node}, the latest first.`}
        </p>
      )}
      {found.length > 0 && (
        <DataTable label="Reached limits" columns={["Who", "Limit", "Times", "Latest", "First"]}>
          {found.slice(from, from + listed).map((each) => (
            <tr key={`${each.limit} ${each.who}`}>
              <th scope="row">{each.who}</th>
              <td>{each.limit.replaceAll("_", " ")}</td>
              <td>{numberText(each.count)}</td>
              <td title={momentText(each.last_at)}>{sinceText(each.last_at)} ago</td>
              <td>{momentText(each.first_at)}</td>
            </tr>
          ))}
        </DataTable>
      )}
      <Pager
        isFirst={from === 0}
        hasNext={found.length > from + listed}
        onFirst={() => setFrom(0)}
        onNext={() => setFrom(from + listed)}
      />
      {value !== undefined && (
        <>
          <h2>Limits of the node</h2>
          <DataTable label="Limits of the node" columns={["Limit", "Value"]}>
            {Object.entries(value.limits).map(([name, limit]) => (
              <tr key={name}>
                <th scope="row">
                  <code>{name}</code>
                </th>
                <td>{numberText(limit)}</td>
              </tr>
            ))}
          </DataTable>
        </>
      )}
    </>
  );
}
