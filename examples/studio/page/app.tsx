import { MilepostProvider, QueuePosition } from "@milepost/react";
import { RealtimeStatusPanel, useWebSocket } from "@milepost/react/studio";
import { type ReactNode, useState } from "react";
import { backendUrl, postJson, type StudioFile } from "./backend.ts";
import { Editor } from "./editor.tsx";
import { ThemeToggle } from "./theme-toggle.tsx";
import { otherVisitor, visitorId } from "./visitor.ts";
import { createBoardClient } from "./workflow/board-client.ts";
import { colorOf } from "./workflow/collaborators.ts";
import { Workflow } from "./workflow/workflow.tsx";

const firstFiles: readonly StudioFile[] = [
  { name: "app.py", content: "import chainlit as cl\n\n# Generate the app, or write it here.\n" },
];

/** The studio: a prompt, the files that come of it, and a panel with everything that is live. */
export function App(): ReactNode {
  const [userId] = useState(visitorId);
  const [files, setFiles] = useState(firstFiles);
  const [prompt, setPrompt] = useState("A helpful travel guide");
  const [busy, setBusy] = useState<"generate" | "sync" | undefined>();
  const [plan, setPlan] = useState<"free" | "paid">("free");
  const [refusal, setRefusal] = useState("");
  const [boardClient] = useState(() => createBoardClient(userId));
  const [self] = useState(() => ({
    id: userId,
    name: `visitor-${userId.slice(-4)}`,
    color: colorOf(userId),
  }));
  const websocket = useWebSocket({ url: backendUrl, userId, autoConnect: true });
  // The hook makes the visitor a guest. The workflow is opened as the same guest, once there is one.
  const [isGuest, setGuest] = useState(false);
  if (websocket.connected && !isGuest) setGuest(true);

  async function during(what: "generate" | "sync", work: () => Promise<void>): Promise<void> {
    if (busy !== undefined) return;
    setBusy(what);
    setRefusal("");
    await work().catch((error: unknown) => setRefusal((error as Error).message));
    setBusy(undefined);
  }
  const generate = () =>
    during("generate", async () => {
      const answer = await postJson<{ files: StudioFile[] }>("/api/generate", userId, { prompt });
      setFiles(answer.files);
    });
  const pay = () =>
    postJson<{ plan: "paid" }>("/api/plan", userId, {}).then(
      (answer) => setPlan(answer.plan),
      (error: unknown) => setRefusal((error as Error).message),
    );
  const sync = () => during("sync", () => postJson("/api/sync-chainlit", userId, { files }));

  return (
    <div className="studio">
      <header className="studio-head">
        <h1>Studio</h1>
        <a href={otherVisitor()} target="_blank" rel="noreferrer">
          Open as another visitor
        </a>
        <ThemeToggle />
      </header>
      <main className="studio-main">
        <section className="studio-work" aria-label="Project">
          <form
            className="studio-prompt"
            onSubmit={(event) => {
              event.preventDefault();
              void generate();
            }}
          >
            <label htmlFor="prompt">What should the app be?</label>
            <div className="studio-row">
              <input
                id="prompt"
                value={prompt}
                maxLength={500}
                onChange={(event) => setPrompt(event.target.value)}
              />
              <button type="submit" aria-disabled={busy !== undefined}>
                {busy === "generate" ? "Generating…" : "Generate code"}
              </button>
            </div>
          </form>
          <Editor files={files} onChange={setFiles} />
          <div className="studio-row studio-end">
            {refusal !== "" && (
              <p className="studio-refusal" role="alert">
                {refusal}
              </p>
            )}
            <button
              type="button"
              className="studio-main-button"
              aria-disabled={busy !== undefined}
              onClick={() => void sync()}
            >
              Sync to Chainlit
            </button>
          </div>
        </section>
        <aside className="studio-side">
          <RealtimeStatusPanel websocket={websocket} />
          {isGuest && (
            <MilepostProvider client={boardClient}>
              <QueuePosition queue="preview" />
            </MilepostProvider>
          )}
          <div className="studio-row studio-end">
            <button type="button" disabled={plan === "paid"} onClick={() => void pay()}>
              {plan === "paid" ? "You are a paying visitor" : "Become a paying visitor"}
            </button>
          </div>
          <p className="studio-note">
            There is one preview server for all visitors. Open this page as another visitor and sync
            both, to see the queue. Paying visitors get three of four turns.
          </p>
        </aside>
      </main>
      {isGuest && (
        <Workflow
          client={boardClient}
          self={self}
          onMention={(mention) =>
            void postJson("/api/mentions", userId, { ...mention, author: self.name }).catch(
              (error: unknown) => setRefusal((error as Error).message),
            )
          }
        />
      )}
    </div>
  );
}
