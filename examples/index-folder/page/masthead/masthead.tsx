import "./masthead.css";
import type { ReactNode } from "react";
import { MilepostMark } from "./milepost-mark.tsx";
import { ThemeToggle } from "./theme-toggle.tsx";

interface Props {
  readonly notices: ReactNode;
  readonly connection: ReactNode;
}

/**
 * Head of the page: the product's name, notices and the state of the connection. It stays in view and keeps a place
 * for the notices, so that they cover nothing and move nothing.
 */
export function Masthead({ notices, connection }: Props) {
  return (
    <header className="masthead">
      <div className="masthead__inner">
        <MilepostMark />
        <div className="masthead__words">
          <h1>Milepost</h1>
          <p>Index a folder and watch every step of it, live.</p>
        </div>
        {notices}
        {connection}
        <ThemeToggle />
      </div>
    </header>
  );
}
