import { MilepostProvider } from "@milepost/react";
import { type FormEvent, useState } from "react";
import { DataTable } from "../parts/data-table.tsx";
import { FailureNote } from "../parts/failure-note.tsx";
import { Pager } from "../parts/pager.tsx";
import { TextField } from "../parts/text-field.tsx";
import { numberText } from "../parts/words.ts";
import { socket } from "../session/console-session.ts";
import { useSession } from "../session/session-context.ts";
import { usePolled } from "../session/use-polled.ts";
import { ChannelDetail } from "./channel-detail.tsx";

interface Page {
  readonly node: string;
  readonly channels: readonly {
    readonly channel: string;
    readonly readers: number;
    readonly position?: string;
  }[];
  readonly total: number;
  readonly next?: string;
}

const pollMs = 3_000;
/** Number of channels on one page. */
const listed = 50;

/** Page with the channels that have readers, and everything about one of them. */
export function ChannelsPage() {
  const session = useSession();
  const [prefix, setPrefix] = useState("");
  const [after, setAfter] = useState<string>();
  const [selected, setSelected] = useState<string>();
  const query = new URLSearchParams({
    limit: String(listed),
    ...(prefix.trim() !== "" && { prefix: prefix.trim() }),
    ...(after !== undefined && { after }),
  });
  const { value, error } = usePolled<Page>(`v1/channels?${query}`, pollMs);
  const open = (event: FormEvent) => {
    event.preventDefault();
    if (prefix.trim() !== "") setSelected(prefix.trim());
  };
  return (
    <MilepostProvider url={socket} token={session.token}>
      <div className="head">
        <h1>Channels</h1>
      </div>
      <form className="panel search" onSubmit={open}>
        <TextField
          label="Channel, or the beginning of its name"
          value={prefix}
          onChange={(text) => {
            setPrefix(text);
            setAfter(undefined);
          }}
          isWide
        />
        <button type="submit" className="button">
          Open this channel
        </button>
      </form>
      <FailureNote error={error} />
      {selected !== undefined && (
        <ChannelDetail key={selected} channel={selected} onClose={() => setSelected(undefined)} />
      )}
      {value !== undefined && (
        <p className="soft small" role="status">
          {value.total === 1 ? "1 channel has" : `${numberText(value.total)} channels have`} readers
          at {value.node}. A channel without readers can be opened by its whole name.
        </p>
      )}
      {value !== undefined && value.channels.length > 0 && (
        <DataTable label="Channels" columns={["Channel", "Readers", "Head"]}>
          {value.channels.map(({ channel, readers, position }) => (
            <tr key={channel} data-selected={channel === selected}>
              <th scope="row">
                <button
                  type="button"
                  className="link"
                  aria-expanded={channel === selected}
                  onClick={() => setSelected(channel)}
                >
                  {channel}
                </button>
              </th>
              <td>{numberText(readers)}</td>
              <td>
                <code>{position ?? "–"}</code>
              </td>
            </tr>
          ))}
        </DataTable>
      )}
      <Pager
        isFirst={after === undefined}
        hasNext={value?.next !== undefined}
        onFirst={() => setAfter(undefined)}
        onNext={() => setAfter(value?.next)}
      />
    </MilepostProvider>
  );
}
