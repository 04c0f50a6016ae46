/** The outbox's style sheet: system fonts, light and dark, one column on a narrow screen. */
export const OUTBOX_STYLE = `
:root { color-scheme: light dark; --ground: #f4f2ee; --card: #fff; --ink: #1d1b18; --soft: #625d55; --line: #ddd7cc; --accent: #0b6e5f;
  --accent-ink: #fff; --tint: #e7f2ef; --warn: #8a2a1b; --warn-tint: #fbe9e5; --radius: 12px; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #171614; --card: #211f1c; --ink: #efece6; --soft: #a8a298; --line: #3a3732; --accent: #5fc7b2; --accent-ink: #0c1f1b;
    --tint: #1d302c; --warn: #f0a08f; --warn-tint: #3a211c; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
a { color: var(--accent); text-underline-offset: 3px; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
.skip { position: absolute; left: -999px; }
.skip:focus { left: 16px; top: 12px; background: var(--card); padding: 8px 12px; z-index: 2; }
.bar { display: flex; flex-wrap: wrap; align-items: center; gap: 12px 24px; padding: 18px clamp(16px, 4vw, 48px); border-bottom: 1px solid var(--line);
  background: var(--card); }
.bar h1 { font-size: 1.15rem; margin: 0; letter-spacing: -0.01em; }
.bar h1 span { color: var(--accent); }
.bar p { margin: 0; color: var(--soft); font-size: .9rem; flex: 1 1 16rem; }
.bar form { margin: 0; }
.page { display: grid; grid-template-columns: minmax(0, 1fr) 22rem; gap: 28px; padding: 28px clamp(16px, 4vw, 48px) 64px; max-width: 1240px; margin: 0 auto; }
.page > aside { grid-column: 2; grid-row: 1; }
.page > main { grid-column: 1; grid-row: 1; min-width: 0; }
@media (max-width: 60rem) { .page { grid-template-columns: minmax(0, 1fr); } .page > aside, .page > main { grid-column: 1; grid-row: auto; } }
.tabs { display: flex; flex-wrap: wrap; gap: 8px; margin: 0 0 20px; padding: 0; list-style: none; }
.tabs a { display: inline-block; padding: 5px 14px; border: 1px solid var(--line); border-radius: 999px; background: var(--card); color: var(--ink); text-decoration: none;
  font-size: .9rem; }
.tabs a[aria-current] { background: var(--accent); border-color: var(--accent); color: var(--accent-ink); }
.tabs a:hover { border-color: var(--accent); }
.message { background: var(--card); border: 1px solid var(--line); border-radius: var(--radius); margin: 0 0 22px; overflow: hidden; }
.message > header { padding: 16px 20px 12px; display: grid; gap: 2px; }
.meta { display: flex; flex-wrap: wrap; gap: 4px 12px; align-items: center; color: var(--soft); font-size: .85rem; margin: 0; }
.badge { background: var(--tint); color: var(--accent); border-radius: 999px; padding: 1px 10px; font-weight: 600; font-size: .78rem; }
.message h2 { font-size: 1.1rem; line-height: 1.35; margin: 6px 0 0; overflow-wrap: anywhere; }
.to { overflow-wrap: anywhere; }
.look { border-block: 1px solid var(--line); background: #fff; color: #1d1b18; }
.look iframe { display: block; width: 100%; height: 24rem; border: 0; resize: vertical; overflow: auto; background: #fff; }
.look pre { margin: 0; padding: 18px 20px; white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; }
.look pre.code { font: .85rem/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
.phone { padding: 22px 20px; background: #eef1f4; }
.bubble { background: #fff; border-radius: 18px 18px 18px 4px; padding: 12px 16px; max-width: 26rem; overflow-wrap: anywhere;
  box-shadow: 0 1px 2px #0002; margin: 0; }
p.bubble, .bubble p { white-space: pre-wrap; margin: 0; }
.bubble strong { display: block; }
.bubble .act { display: inline-block; margin: 10px 10px 0 0; padding: 3px 12px; border: 1px solid #0b6e5f; border-radius: 999px; color: #0b6e5f; font-size: .85rem; }
.why { padding: 14px 20px 16px; margin: 0; font-size: .95rem; }
.why b { color: var(--accent); }
.more { padding: 0 20px 16px; margin: 0; font-size: .85rem; color: var(--soft); }
.more summary { cursor: pointer; }
.more dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 2px 14px; margin: 8px 0 0; }
.more dd { margin: 0; overflow-wrap: anywhere; }
.panel { background: var(--card); border: 1px solid var(--line); border-radius: var(--radius); padding: 18px 20px 22px; position: sticky; top: 20px; }
.panel h2 { font-size: 1.05rem; margin: 0 0 12px; }
label, legend { display: block; font-size: .88rem; font-weight: 600; margin: 12px 0 4px; padding: 0; }
fieldset { border: 0; padding: 0; margin: 0; }
fieldset label { display: inline-flex; gap: 6px; align-items: center; margin: 0 16px 0 0; font-weight: 400; }
input[type=text], input[type=password], textarea { width: 100%; padding: 9px 11px; border: 1px solid var(--soft); border-radius: 8px; background: var(--ground); color: inherit; font: inherit; }
textarea { min-height: 8rem; resize: vertical; }
.hint { color: var(--soft); font-size: .82rem; margin: 4px 0 0; }
button { font: inherit; font-weight: 600; border: 1px solid var(--accent); background: var(--accent); color: var(--accent-ink); border-radius: 8px; padding: 9px 18px; margin-top: 16px; cursor: pointer; }
button:hover { filter: brightness(1.08); }
button.quiet { background: transparent; color: var(--accent); margin: 0; padding: 5px 14px; font-weight: 500; }
.notice { border-radius: var(--radius); padding: 12px 18px; margin: 0 0 20px; background: var(--tint); border: 1px solid var(--accent); overflow-wrap: anywhere; }
.notice.bad { background: var(--warn-tint); border-color: var(--warn); }
.notice ul { margin: 4px 0 0; padding-left: 1.2em; }
.empty { text-align: center; padding: 56px 20px; color: var(--soft); border: 1px dashed var(--line); border-radius: var(--radius); }
.empty h2 { color: var(--ink); font-size: 1.1rem; margin: 0 0 6px; }
.pages { display: flex; justify-content: space-between; }
.door { max-width: 27rem; margin: 12vh auto; padding: 0 16px; }
`;
