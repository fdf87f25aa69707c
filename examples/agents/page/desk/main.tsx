import "../page.css";
import "@milepost/react/status-panel.css";
import { createClient } from "@milepost/client";
import { MilepostProvider } from "@milepost/react";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Desk } from "./desk.tsx";

const place = document.getElementById("page");
if (place === null) throw new Error("the page has no element #page");

/** Credential of this browser's person. All its tabs are the same person. */
async function person(): Promise<string> {
  const kept = localStorage.getItem("desk-person");
  if (kept !== null) return kept;
  const answer = await fetch("/api/people", { method: "POST", body: "{}" });
  const { credential } = (await answer.json()) as { readonly credential: string };
  localStorage.setItem("desk-person", credential);
  return credential;
}

async function post(path: string): Promise<{ readonly token: string }> {
  const body = JSON.stringify({ credential: await person() });
  const answer = await fetch(path, { method: "POST", body });
  if (answer.ok) return (await answer.json()) as { readonly token: string };
  // The backend has forgotten this person, because it was restarted.
  localStorage.removeItem("desk-person");
  throw new Error(`the backend answered ${answer.status}; load the page again`);
}

const client = createClient({ url: "/ws", token: async () => (await post("/api/tokens")).token });

createRoot(place).render(
  <StrictMode>
    <MilepostProvider client={client}>
      <Desk start={() => post("/api/releases")} />
    </MilepostProvider>
  </StrictMode>,
);
