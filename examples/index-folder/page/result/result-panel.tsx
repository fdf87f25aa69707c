import "./result.css";
import type { OperationState } from "@milepost/model";
import { IndexSearch } from "./index-search.tsx";
import { indexStatistics } from "./index-statistics.ts";

/** Result of a run: its figures and the search of its index. */
export function ResultPanel({ state }: { readonly state: OperationState }) {
  const statistics = indexStatistics(state.result);
  return (
    <section className="panel result" aria-label="Result">
      <div className="panel__head">
        <h2>The index</h2>
      </div>
      {statistics.length > 0 ? (
        <dl className="result__figures">
          {statistics.map(({ name, value }) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      ) : null}
      <IndexSearch operationId={state.id} />
    </section>
  );
}
