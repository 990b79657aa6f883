/** Style of the reference page. One text: its hash is in the page's content security policy. */
export const referenceStyle = `
:root { color-scheme: light dark;
  --canvas: light-dark(#f9fafb, #111416); --surface: light-dark(#fff, #181c1f); --sunken: light-dark(#f1f4f5, #0d1012);
  --line: light-dark(#e0e5e8, #2a3136); --ink: light-dark(#1b2328, #e6ebee); --soft: light-dark(#4a565e, #a9b4bb);
  --faint: light-dark(#66737c, #84919a); --accent: light-dark(#0f6270, #6cc4d3); --good: light-dark(#12734a, #6fcf9b);
  --busy: light-dark(#2b5fb8, #8ab4f2); --warn: light-dark(#8a5a07, #e2b562); --bad: light-dark(#b3303a, #f08e95); }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; scroll-padding-top: 1rem; }
body { margin: 0; display: grid; grid-template-columns: 18rem minmax(0, 1fr); background: var(--canvas); color: var(--ink);
  font: 14px/1.55 ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
code, pre, .type, .path { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
a { color: inherit; text-decoration: none; } a:hover { color: var(--accent); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
aside { position: sticky; top: 0; height: 100vh; overflow-y: auto; padding: 1.5rem 1rem 3rem 1.5rem;
  border-right: 1px solid var(--line); background: var(--surface); }
aside h1 { margin: 0; font-size: 1.05rem; } aside .sub { margin: 0 0 1rem; color: var(--faint); }
aside input { width: 100%; padding: .45rem .6rem; border: 1px solid var(--line); border-radius: 6px; background: var(--canvas);
  color: inherit; font: inherit; }
nav h2 { margin: 1.3rem 0 .3rem; font-size: .75rem; font-weight: 600; color: var(--faint); }
nav a { display: flex; gap: .5rem; padding: .17rem .4rem; border-radius: 5px; font-size: .82rem; color: var(--soft);
  overflow: hidden; white-space: nowrap; }
nav a:hover { background: var(--sunken); } nav a span:last-child { overflow: hidden; text-overflow: ellipsis; font-family: inherit; }
main { padding: 2rem clamp(1rem, 4vw, 3.5rem) 6rem; max-width: 66rem; }
main > header p { max-width: 46rem; color: var(--soft); } main > header code { color: var(--ink); }
main > header h2 { margin-top: 0; } main h2 + article { margin-top: 0; }
main section h2, main > header h2 { margin: 3rem 0 1rem; font-size: 1.35rem; letter-spacing: -.01em; }
article { margin: 0 0 1.25rem; border: 1px solid var(--line); border-radius: 10px; background: var(--surface); }
article > header { padding: .9rem 1.1rem; } article h3 { margin: 0; font-size: 1rem; font-weight: 600; }
article .line { display: flex; align-items: baseline; gap: .6rem; margin-top: .3rem; overflow-wrap: anywhere; }
.path { font-size: .85rem; } .path i { font-style: normal; color: var(--accent); }
.method { flex: none; width: 3.2rem; font: 600 .72rem ui-monospace, monospace; } nav .method { width: 2.6rem; font-size: .66rem; line-height: 1.9; }
.get, .head { color: var(--good); } .post { color: var(--busy); } .put { color: var(--warn); } .delete { color: var(--bad); }
.tags { display: flex; flex-wrap: wrap; gap: .4rem; margin-top: .6rem; }
.tag { padding: .06rem .5rem; border: 1px solid var(--line); border-radius: 99px; font-size: .75rem; color: var(--soft); }
.tag code { color: var(--ink); }
details { border-top: 1px solid var(--line); } summary { padding: .55rem 1.1rem; cursor: pointer; color: var(--soft); font-weight: 500; }
summary:hover { color: var(--ink); } details > div { padding: 0 1.1rem .9rem; }
.whole { margin: .1rem 0 .4rem; color: var(--faint); } .variant { margin: .5rem 0 .1rem; color: var(--faint); font-size: .8rem; }
.props { list-style: none; margin: 0; padding: 0 0 0 .9rem; border-left: 1px solid var(--line); }
.prop { display: flex; flex-wrap: wrap; align-items: baseline; column-gap: .6rem; padding: .17rem 0; }
.type { font-size: .76rem; color: var(--accent); overflow-wrap: anywhere; } .required { font-size: .72rem; color: var(--warn); }
.notes { font-size: .8rem; color: var(--faint); }
pre { margin: 0; padding: .8rem 1rem; overflow-x: auto; border-radius: 8px; background: var(--sunken); font-size: .8rem; line-height: 1.5; }
[hidden] { display: none !important; }
@media (max-width: 820px) { body { display: block; } aside { position: static; height: auto; border-right: 0; border-bottom: 1px solid var(--line); }
  nav { max-height: 40vh; overflow-y: auto; } }
`;

/** Filters the routes by what is typed; without scripts the page shows them all. */
export const referenceScript = `
const field = document.querySelector("input");
field.hidden = false;
field.addEventListener("input", () => {
  const words = field.value.toLowerCase().split(/\\s+/).filter(Boolean);
  for (const one of document.querySelectorAll("[data-text]"))
    one.hidden = !words.every((word) => one.dataset.text.includes(word));
  for (const room of document.querySelectorAll("[data-room]"))
    room.hidden = room.querySelector("[data-text]:not([hidden])") === null;
});
`;
