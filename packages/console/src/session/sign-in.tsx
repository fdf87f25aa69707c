import { type FormEvent, useId, useState } from "react";
import { ConsoleSession } from "./console-session.ts";

/** Form that exchanges an API key for a session. The key is forgotten as soon as it is sent. */
export function SignIn({
  hasEnded,
  onOpen,
  onEnded,
}: {
  readonly hasEnded: boolean;
  readonly onOpen: (session: ConsoleSession) => void;
  readonly onEnded: () => void;
}) {
  const [key, setKey] = useState("");
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<string>();
  const field = useId();

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const typed = key.trim();
    if (typed === "" || isBusy) return;
    setBusy(true);
    setError(undefined);
    setKey("");
    try {
      onOpen(await ConsoleSession.open(typed, onEnded));
    } catch (failure) {
      setError(failure instanceof Error ? failure.message : String(failure));
      setBusy(false);
    }
  };

  return (
    <main className="sign-in">
      <form className="panel sign-in__form" onSubmit={submit} autoComplete="off">
        <h1>Milepost console</h1>
        {hasEnded && error === undefined && (
          <p className="note" data-tone="wait">
            The session has ended. Enter the API key again.
          </p>
        )}
        <div className="field">
          <label htmlFor={field}>API key</label>
          <input
            id={field}
            className="input"
            type="password"
            autoComplete="off"
            spellCheck={false}
            value={key}
            onChange={({ target }) => setKey(target.value)}
            aria-describedby={`${field}-hint`}
            aria-invalid={error !== undefined}
          />
          <p id={`${field}-hint`} className="soft small">
            A key with the scope <code>console</code>. It is exchanged for a token that this tab
            keeps in memory; a reload forgets it.
          </p>
        </div>
        {error !== undefined && (
          <p className="note" data-tone="stop" role="alert">
            {error}
          </p>
        )}
        <button type="submit" className="button button--go" aria-disabled={isBusy}>
          {isBusy ? "Signing in…" : "Sign in"}
        </button>
      </form>
    </main>
  );
}
