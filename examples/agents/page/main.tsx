import "./page.css";
import { createClient } from "@milepost/client";
import { MilepostProvider } from "@milepost/react";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";
import { beginSession } from "./backend.ts";

const place = document.getElementById("page");
if (place === null) throw new Error("the page has no element #page");

const session = await beginSession();
const client = createClient({
  url: "/ws",
  token: session.token,
  // The page gives up after half a minute and then says so.
  backoff: "five-attempts",
});

createRoot(place).render(
  <StrictMode>
    <MilepostProvider client={client}>
      <App session={session} />
    </MilepostProvider>
  </StrictMode>,
);
