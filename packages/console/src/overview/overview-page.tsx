import { FailureNote } from "../parts/failure-note.tsx";
import { SparkLine } from "../parts/spark-line.tsx";
import { numberText } from "../parts/words.ts";
import { type Figure, useFigures } from "./use-figures.ts";

const tones: Readonly<Record<string, string>> = {
  healthy: "go",
  degraded: "halt",
  draining: "wait",
  unhealthy: "stop",
};

/** Page with the live figures of the gateway. */
export function OverviewPage() {
  const { health, connections, figures, metricsError } = useFigures();
  const { value } = health;
  return (
    <>
      <div className="head">
        <h1>Overview</h1>
        {value !== undefined && (
          <p className="badge" data-tone={tones[value.status] ?? "wait"}>
            {value.status}
          </p>
        )}
      </div>
      <FailureNote error={health.error} />
      <ul className="tiles" aria-label="Figures">
        {value !== undefined && (
          <Tile
            name="Connections of all nodes"
            text={numberText(value.connections.total)}
            values={connections}
          />
        )}
        {figures.map((figure) => (
          <Tile key={figure.name} {...figure} />
        ))}
      </ul>
      {metricsError !== undefined && (
        <p className="note" data-tone="wait">
          Figures of the metrics are missing: {metricsError}
        </p>
      )}
      {value !== undefined && (
        <p className="soft small">
          The node that answers has {numberText(value.connections.local)} of these connections and
          stores channels in {value.store.kind}. {numberText(value.spooled)} publishes wait for the
          store.
        </p>
      )}
    </>
  );
}

function Tile({ name, text, values }: Figure) {
  return (
    <li className="panel tile">
      <span className="soft small">{name}</span>
      <strong>{text}</strong>
      <SparkLine values={values} />
    </li>
  );
}
