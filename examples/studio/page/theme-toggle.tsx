import { type ReactNode, useEffect, useState } from "react";

const prefersDark = () => matchMedia("(prefers-color-scheme: dark)").matches;

/** Button that switches between the light and the dark theme, and remembers the choice. */
export function ThemeToggle(): ReactNode {
  const [theme, setTheme] = useState(() => localStorage.getItem("theme"));
  useEffect(() => {
    if (theme === null) return;
    document.documentElement.dataset.theme = theme;
    localStorage.setItem("theme", theme);
  }, [theme]);
  const next = (theme ?? (prefersDark() ? "dark" : "light")) === "dark" ? "light" : "dark";
  return (
    <button type="button" onClick={() => setTheme(next)}>
      {next === "dark" ? "Dark theme" : "Light theme"}
    </button>
  );
}
