// Keeps a page up to date: pieces that the server drew take the place of those with the same id.
const trusted = window.trustedTypes?.createPolicy("fragments", { createHTML: (text) => text });
export const parse = (text) => {
  const template = document.createElement("template");
  template.innerHTML = trusted ? trusted.createHTML(text) : text;
  return template.content;
};

const spoken = document.getElementById("spoken");
export const say = (text) => { if (spoken && spoken.textContent !== text) spoken.textContent = text; };

const state = document.getElementById("live");
const show = (text) => { if (state) { state.hidden = false; state.textContent = text; } };

function put(piece) {
  const shown = document.getElementById(piece.id);
  if (!shown || shown.isEqualNode(piece)) return;
  // Whoever is in the middle of something is not disturbed.
  if (shown.contains(document.activeElement)) return;
  const word = piece.dataset.say;
  if (word && shown.dataset.say !== word) say(word);
  if (shown.tagName === "DETAILS") piece.open = shown.open;
  shown.replaceWith(piece);
}

let source;
let wait = 500;
let heard = Date.now();
let shown = Number(document.body.dataset.state ?? 0);
// A script has changed what the page shows, and the page with it.
export const know = (state) => { shown = Math.max(shown, state); };

function open() {
  if (source || document.hidden || document.body.dataset.live === undefined) return;
  source = new EventSource("/ui/events?topic=" + encodeURIComponent(document.body.dataset.live));
  source.addEventListener("open", () => { wait = 500; heard = Date.now(); show("● Live"); });
  source.addEventListener("fragment", (event) => {
    heard = Date.now();
    for (const piece of [...parse(event.data).children]) put(piece);
  });
  source.addEventListener("state", (event) => {
    heard = Date.now();
    latest = Number(event.data);
    settle();
  });
  source.addEventListener("writable", (event) => {
    // Controls are drawn enabled or not; what somebody types is not taken from under their hands.
    const same = event.data === document.body.dataset.writable;
    if (!same && busy.size === 0 && !document.querySelector("form[data-guard]")) location.reload();
  });
  source.addEventListener("build", (event) => {
    if (event.data !== document.documentElement.dataset.build) show("A new version is running: reload the page");
  });
  source.addEventListener("error", async () => {
    // A stream that is refused is closed; one that breaks off is not.
    const refused = source?.readyState === EventSource.CLOSED;
    close();
    if (refused && await signedOut()) { show("Signed out: reload the page"); return; }
    show("Reconnecting… last update " + Math.round((Date.now() - heard) / 1000) + " s ago");
    setTimeout(open, wait * (0.5 + Math.random()));
    wait = Math.min(wait * 2, 30000);
  });
}
async function signedOut() {
  try { return (await fetch("/ui/palette", { redirect: "manual" })).type === "opaqueredirect"; } catch { return false; }
}
function close() { source?.close(); source = undefined; }

// What the controls stand upon has changed: the page is loaded anew, unless somebody is at work on it.
let latest = 0;
export const busy = new Set();
export function settle() { if (latest > shown && busy.size === 0) location.reload(); }

document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
addEventListener("pagehide", close);
addEventListener("pageshow", open);
open();
