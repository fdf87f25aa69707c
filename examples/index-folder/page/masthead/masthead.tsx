import "./masthead.css";
import type { ReactNode } from "react";
import { MilepostMark } from "./milepost-mark.tsx";
import { ThemeToggle } from "./theme-toggle.tsx";

/** Head of the page: the product's name and the state of the connection. */
export function Masthead({ connection }: { readonly connection: ReactNode }) {
  return (
    <header className="masthead">
      <div className="masthead__inner">
        <MilepostMark />
        <div className="masthead__words">
          <h1>Milepost</h1>
          <p>Index a folder and watch every step of it, live.</p>
        </div>
        {connection}
        <ThemeToggle />
      </div>
    </header>
  );
}
