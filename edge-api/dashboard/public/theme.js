// Runs before the first paint, so that a dark page never flashes white. A file, so that a strict CSP allows it.
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
