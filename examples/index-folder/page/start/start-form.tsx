import "./start.css";
import { type FormEvent, useEffect, useId, useRef, useState } from "react";
import { type DemoInfo, demoInfo, type JobPace, startJob } from "../demo/demo-api.ts";

const paces = [
  { id: "full", label: "Full speed", hint: "as fast as the disk allows" },
  { id: "watchable", label: "Watchable", hint: "limited to 50 files a second" },
  { id: "slow", label: "Slow", hint: "10 files a second, which leaves time to pause and reload" },
] as const satisfies readonly { id: JobPace; label: string; hint: string }[];

interface Props {
  /** True while the client is connected. When it changes, a form that could not load asks the service again. */
  readonly connected: boolean;
  onStarted(operationId: string): void;
}

/** Form that asks which folder to index and how fast, and starts the run. */
export function StartForm({ connected, onStarted }: Props) {
  const [info, setInfo] = useState<DemoInfo | undefined>();
  const [path, setPath] = useState<string | undefined>();
  const [pace, setPace] = useState<JobPace>("watchable");
  const [starting, setStarting] = useState(false);
  const [refusal, setRefusal] = useState<string | undefined>();
  const input = useRef<HTMLInputElement>(null);
  const id = useId();

  const known = info !== undefined;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a connection that came back is the moment to ask again
  useEffect(() => {
    if (known) return;
    const asking = new AbortController();
    demoInfo(asking.signal).then(setInfo, () => {});
    return () => asking.abort();
  }, [known, connected]);

  const value = path ?? info?.defaultPath ?? "";

  const start = async (event: FormEvent) => {
    event.preventDefault();
    if (starting) return;
    setStarting(true);
    setRefusal(undefined);
    try {
      onStarted(await startJob(value, pace));
    } catch (error) {
      setRefusal(error instanceof Error ? error.message : String(error));
      input.current?.focus();
    } finally {
      setStarting(false);
    }
  };

  return (
    <form className="panel start desk__start" aria-label="Index a folder" onSubmit={start}>
      <h2>Index a folder</h2>
      <div className="field">
        <label htmlFor={`${id}path`}>Folder path</label>
        <input
          ref={input}
          id={`${id}path`}
          className="input path"
          name="path"
          required
          spellCheck={false}
          autoCapitalize="off"
          autoComplete="off"
          value={value}
          aria-invalid={refusal !== undefined}
          aria-describedby={`${id}hint ${id}refusal`}
          onChange={(event) => {
            setPath(event.target.value);
            setRefusal(undefined);
          }}
        />
        <p id={`${id}hint`} className="soft small">
          {info ? (
            <>
              In <code>{info.root}</code>; a dot is all of it. Files are read, never changed.
            </>
          ) : (
            "A folder on the machine that runs the service. Files are read, never changed."
          )}
        </p>
        <p id={`${id}refusal`} className="start__refusal small" role="alert">
          {refusal}
        </p>
      </div>
      <fieldset className="field start__paces">
        <legend>Pace</legend>
        {paces.map((each) => (
          <label key={each.id} className="start__pace">
            <input
              type="radio"
              name="pace"
              value={each.id}
              checked={pace === each.id}
              onChange={() => setPace(each.id)}
            />
            <span>{each.label}</span>
          </label>
        ))}
        <p className="start__hint soft small">{paces.find((each) => each.id === pace)?.hint}</p>
      </fieldset>
      <button type="submit" className="button button--go" aria-disabled={starting}>
        {starting ? "Starting…" : "Start indexing"}
      </button>
    </form>
  );
}
