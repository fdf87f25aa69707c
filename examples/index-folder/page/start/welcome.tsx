import { indexSteps } from "../../src/index-steps.ts";

/** Panel shown before the first run; it explains what will happen here. */
export function Welcome({ loading }: { readonly loading: boolean }) {
  return (
    <section className="panel welcome" aria-label="Run" aria-busy={loading}>
      <h2>{loading ? "Looking for your runs…" : "No run yet"}</h2>
      <p>
        Choose a folder and start. You see each step here as it happens, and can search the words of
        the folder when all are done.
      </p>
      <ol className="welcome__steps" aria-label="Steps of a run">
        {indexSteps.map(({ id, title }, index) => (
          <li key={id}>
            <span className="welcome__stone" aria-hidden="true">
              {index + 1}
            </span>
            {title}
          </li>
        ))}
      </ol>
      <ul className="welcome__list">
        <li>
          <strong>Steer it.</strong> Pause, resume, cancel or retry; you see when the worker has
          taken it.
        </li>
        <li>
          <strong>Leave and come back.</strong> Reload, open a second tab, unplug the network: it
          goes on, and nothing is missing when you return.
        </li>
        <li>
          <strong>Use the result.</strong> Search the folder's text as soon as the index is written.
        </li>
      </ul>
    </section>
  );
}
