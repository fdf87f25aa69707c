import { useEffect, useState } from "react";

const storageKey = "milepost.theme";
const darkSystem = window.matchMedia("(prefers-color-scheme: dark)");

function darkNow(): boolean {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : darkSystem.matches;
}

/**
 * Button that switches between the light and the dark theme. The system's theme applies until the user chooses.
 */
export function ThemeToggle() {
  const [dark, setDark] = useState(darkNow);

  useEffect(() => {
    const follow = () => setDark(darkNow());
    darkSystem.addEventListener("change", follow);
    return () => darkSystem.removeEventListener("change", follow);
  }, []);

  const toggle = () => {
    const theme = dark ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    setDark(!dark);
    try {
      localStorage.setItem(storageKey, theme);
    } catch {
      // Storage is switched off, so the choice lasts only until the page is closed.
    }
  };

  return (
    <button type="button" className="theme" aria-pressed={dark} onClick={toggle}>
      <svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
        <circle cx="10" cy="10" r="6.5" fill="none" stroke="currentColor" strokeWidth="1.5" />
        <path d="M10 3.5a6.5 6.5 0 0 1 0 13z" fill="currentColor" />
      </svg>
      <span className="unseen">Dark theme</span>
    </button>
  );
}
