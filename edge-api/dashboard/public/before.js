// Runs before the app and before the first paint. A file, so that a strict CSP allows it.

// zod tries whether it may compile code; where the CSP says no, the browser reports the mere question.
globalThis.__zod_globalConfig = { jitless: true };

// A dark page must never flash white.
(() => {
  let choice = null;
  try {
    choice = localStorage.getItem("longshore.theme");
  } catch {
    // No storage: follow the system.
  }
  const dark =
    choice === "dark" || (choice !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.classList.toggle("dark", dark);
})();
