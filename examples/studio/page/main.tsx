import "@milepost/react/status-panel.css";
import "@milepost/react/realtime-panel.css";
import "./studio.css";
import "./workflow/workflow.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";

const root = document.getElementById("page");
if (!root) throw new Error("the page has no element #page");
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
