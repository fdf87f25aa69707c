/** Panel shown before the first run; it explains what will happen here. */
export function Welcome({ loading }: { readonly loading: boolean }) {
  return (
    <section className="panel welcome" aria-label="Run" aria-busy={loading}>
      <h2>{loading ? "Looking for your runs…" : "No run yet"}</h2>
      <p>
        Choose a folder and start. Its files are scanned, read, split into words and built into an
        index, and you see each of it here as it happens.
      </p>
      <svg className="welcome__road" viewBox="0 0 600 90" aria-hidden="true">
        <path className="welcome__bed" d="M0 70h600" />
        <path className="welcome__line" d="M8 70h584" />
        {[
          [70, "Scan"],
          [215, "Read"],
          [350, "Tokenise"],
          [480, "Build"],
          [570, "Write"],
        ].map(([x, name], index) => (
          <g key={name} transform={`translate(${x} 0)`}>
            <path className="welcome__stone" d="M-12 52V36a12 12 0 0 1 24 0v16z" />
            <text y="45" textAnchor="middle">
              {index + 1}
            </text>
            <text className="welcome__name" y="14" textAnchor="middle">
              {name}
            </text>
          </g>
        ))}
      </svg>
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
