import type { QueueFigures, QueueView } from "@milepost/model";
import { useEffect, useId, useState } from "react";
import { DataTable } from "../parts/data-table.tsx";
import { Facts } from "../parts/facts.tsx";
import { FailureNote } from "../parts/failure-note.tsx";
import { SparkLine } from "../parts/spark-line.tsx";
import { useConfirmation } from "../parts/use-confirmation.tsx";
import { numberText, shareText, spanText } from "../parts/words.ts";
import { useSession } from "../session/session-context.ts";
import { usePolled } from "../session/use-polled.ts";

const pollMs = 3_000;
/** Hours of which the figures are shown. */
const hours = 24;
/** Highest capacity that the slider reaches, unless the queue has more already. */
const mostOnSlider = 50;

/** One queue: its lanes, its figures of the last day, and the slider of its capacity. */
export function QueueDetail({
  name,
  onClose,
}: {
  readonly name: string;
  readonly onClose: () => void;
}) {
  const { value, error, refresh } = usePolled<QueueView>(
    `v1/queues/${encodeURIComponent(name)}?hours=${hours}`,
    pollMs,
  );
  return (
    <section className="detail" aria-label={`Queue ${name}`}>
      <div className="actions">
        <code>{name}</code>
        <button type="button" className="button button--small" onClick={onClose}>
          Close
        </button>
      </div>
      <FailureNote error={error} />
      {value !== undefined && (
        <>
          <Facts
            label={`Facts of ${name}`}
            facts={[
              ["Waiting", numberText(value.waiting)],
              ["Running", `${numberText(value.running)} of ${numberText(value.capacity_now)}`],
              ["Workers", `${numberText(value.workers)}, for ${numberText(value.slots)} at once`],
              ["Capacity", capacityText(value)],
            ]}
          />
          <CapacitySlider key={name} queue={value} onDone={refresh} />
          <Figures queue={value} />
        </>
      )}
    </section>
  );
}

function capacityText({ capacity }: QueueView): string {
  if (typeof capacity === "object") return "by a schedule";
  return capacity === "workers" ? "as many as workers claim" : numberText(capacity);
}

function CapacitySlider({
  queue: { queue, capacity, capacity_now },
  onDone,
}: {
  readonly queue: QueueView;
  readonly onDone: () => void;
}) {
  const session = useSession();
  const [wanted, setWanted] = useState(capacity_now);
  const { ask, dialog } = useConfirmation(onDone);
  const field = useId();
  useEffect(() => setWanted(capacity_now), [capacity_now]);
  const most = Math.max(mostOnSlider, capacity_now);
  const apply = () =>
    ask({
      title: `Let ${queue} serve ${wanted} at once?`,
      text: (
        <p>
          {wanted < capacity_now
            ? "Tickets that are served go on; the next ones wait until there is room."
            : "Waiting tickets are served as soon as a worker asks for them."}
          {typeof capacity !== "number" &&
            " The number replaces what the queue has now; its rule or schedule sets it again at the next start."}
        </p>
      ),
      action: "Set the capacity",
      async run() {
        await session.call("PUT", `v1/queues/${encodeURIComponent(queue)}`, { capacity: wanted });
        return `The queue ${queue} serves up to ${wanted} at once.`;
      },
    });
  return (
    <div className="panel search">
      {dialog}
      <div className="field search__text">
        <label htmlFor={field}>
          Capacity: <strong>{wanted}</strong> at once
        </label>
        <input
          id={field}
          type="range"
          min={0}
          max={most}
          value={Math.min(wanted, most)}
          onChange={({ target }) => setWanted(Number(target.value))}
        />
      </div>
      <button
        type="button"
        className="button"
        aria-disabled={wanted === capacity_now}
        onClick={() => wanted !== capacity_now && apply()}
      >
        Set the capacity…
      </button>
    </div>
  );
}

const columns = [
  "Lane",
  "Weight",
  "Waiting",
  "Joined",
  "Served",
  "Failed",
  "Gave up",
  "Wait, half",
  "Wait, nine of ten",
  "Service, half",
];

function Figures({ queue: { lanes, total, by_lane, hours: past } }: { readonly queue: QueueView }) {
  const served = [...past]
    .reverse()
    .map(({ lanes: of }) => Object.values(of).reduce((sum, each) => sum + each.served, 0));
  return (
    <>
      <div className="head">
        <h2>The last {hours} hours</h2>
        <span className="soft small">tickets served, hour by hour</span>
      </div>
      {served.some((count) => count > 0) && <SparkLine values={served} />}
      <DataTable label="Lanes" columns={columns}>
        {lanes.map(({ name, weight, waiting }) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td>{numberText(weight)}</td>
            <td>{numberText(waiting)}</td>
            <FigureCells of={by_lane[name]} />
          </tr>
        ))}
        <tr>
          <th scope="row">All lanes</th>
          <td>–</td>
          <td>{numberText(lanes.reduce((sum, { waiting }) => sum + waiting, 0))}</td>
          <FigureCells of={total} />
        </tr>
      </DataTable>
    </>
  );
}

function FigureCells({ of }: { readonly of: QueueFigures | undefined }) {
  const span = (ms: number | null | undefined) =>
    ms === null || ms === undefined ? "–" : spanText(ms);
  return (
    <>
      <td>{numberText(of?.joined ?? 0)}</td>
      <td>{numberText(of?.served ?? 0)}</td>
      <td>{numberText(of?.failed ?? 0)}</td>
      <td>{of?.abandonment === null || of === undefined ? "–" : shareText(of.abandonment)}</td>
      <td>{span(of?.wait.p50_ms)}</td>
      <td>{span(of?.wait.p90_ms)}</td>
      <td>{span(of?.service.p50_ms)}</td>
    </>
  );
}
