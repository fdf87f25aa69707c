import type { ReactNode } from "react";

/** Fact with its name; one without a value is left out. */
export type Fact = readonly [name: string, value: ReactNode];

/** List of facts about one thing. */
export function Facts({
  label,
  facts,
}: {
  readonly label: string;
  readonly facts: readonly Fact[];
}) {
  return (
    <section className="panel" aria-label={label}>
      <dl className="facts">
        {facts.map(
          ([name, value]) =>
            value !== undefined && (
              <div key={name}>
                <dt className="soft small">{name}</dt>
                <dd>{value}</dd>
              </div>
            ),
        )}
      </dl>
    </section>
  );
}
