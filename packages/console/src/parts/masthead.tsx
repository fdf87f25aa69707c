import { useState } from "react";
import { MilepostMark } from "./milepost-mark.tsx";
import { type PageName, pageNames, titleOf } from "./use-page.ts";

/** Head of every page: the menu, the name of the key, the theme and the way out. */
export function Masthead({
  page,
  name,
  onSignOut,
}: {
  readonly page: PageName;
  readonly name: string;
  readonly onSignOut: () => void;
}) {
  return (
    <header className="masthead">
      <button type="button" className="skip" onClick={skip}>
        Skip to the content
      </button>
      <div className="masthead__inner">
        <MilepostMark />
        <nav aria-label="Pages">
          <ul className="menu">
            {pageNames.map((each) => (
              <li key={each}>
                <a href={`#${each}`} aria-current={each === page ? "page" : undefined}>
                  {titleOf(each)}
                </a>
              </li>
            ))}
          </ul>
        </nav>
        <div className="masthead__end">
          <span className="soft small">
            Key <strong>{name}</strong>
          </span>
          <ThemeToggle />
          <button type="button" className="button button--small" onClick={onSignOut}>
            Sign out
          </button>
        </div>
      </div>
    </header>
  );
}

/** The fragment is the page's name, so that no link may change it. */
function skip() {
  document.getElementById("content")?.focus();
}

function ThemeToggle() {
  const [isDark, setDark] = useState(
    () =>
      (document.documentElement.dataset.theme ??
        (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark",
  );
  const toggle = () => {
    document.documentElement.dataset.theme = isDark ? "light" : "dark";
    setDark(!isDark);
  };
  return (
    <button type="button" className="button button--small" aria-pressed={isDark} onClick={toggle}>
      Dark theme
    </button>
  );
}
