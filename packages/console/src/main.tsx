import "./design/tokens.css";
import "@milepost/react/status-panel.css";
import "./design/console.css";
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
