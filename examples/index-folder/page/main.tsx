import "./design/tokens.css";
import "./design/base.css";
import "./design/layout.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";
import { FaultBoundary } from "./fault-boundary.tsx";

const root = document.getElementById("page");
if (!root) throw new Error("the page has no element #page");
createRoot(root).render(
  <StrictMode>
    <FaultBoundary>
      <App />
    </FaultBoundary>
  </StrictMode>,
);
