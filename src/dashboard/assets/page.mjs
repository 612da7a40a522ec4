// What every page does: focus where a form went wrong, a question before typed text is lost, keys, menus.
import { busy } from "./live.mjs";
import "./order.mjs";

const wanted = document.querySelector("[data-focus]");
if (wanted) wanted.focus();
else if (document.querySelector("[data-said]")) document.querySelector("h1")?.focus();

for (const form of document.querySelectorAll("form[data-guard]")) {
  let dirty = false;
  form.addEventListener("input", () => { dirty = true; });
  form.addEventListener("submit", () => { dirty = false; });
  addEventListener("beforeunload", (event) => { if (dirty) event.preventDefault(); });
}

// A session that ended while somebody typed: after signing in, what was typed is there again. Secrets never are.
const kept = "kept";
const secret = (field) => ["password", "hidden", "file"].includes(field.type) || field.closest("[data-secret]") !== null;
const here = location.pathname + location.search;
for (const form of document.querySelectorAll("form[data-guard]")) {
  const saved = JSON.parse(sessionStorage.getItem(kept) ?? "null");
  // The answer to a form holds already what was typed.
  if (saved?.here === here && document.body.dataset.answer === undefined) {
    for (const field of form.elements) {
      if (!field.name || secret(field)) continue;
      const values = saved.fields.filter(([name]) => name === field.name).map(([, value]) => value);
      if (field.type === "checkbox" || field.type === "radio") field.checked = values.includes(field.value);
      else if (values.length > 0) field.value = values[0];
    }
  }
  sessionStorage.removeItem(kept);
  form.addEventListener("submit", () => {
    const hushed = new Set([...form.elements].filter(secret).map((field) => field.name));
    const fields = [...new FormData(form)].filter(([name]) => !hushed.has(name));
    sessionStorage.setItem(kept, JSON.stringify({ here, fields }));
  });
}
if (!location.pathname.startsWith("/login") && !document.querySelector("form[data-guard]")) sessionStorage.removeItem(kept);

// A form is sent once; what it was sent by says that something happens.
addEventListener("submit", (event) => {
  const button = event.submitter;
  if (event.defaultPrevented || !button) return;
  if (event.target.dataset.sent) { event.preventDefault(); return; }
  event.target.dataset.sent = "yes";
  // A page that is loaded anew meanwhile would lose what the answer says.
  busy.add("sent");
  button.setAttribute("aria-busy", "true");
});
addEventListener("pageshow", () => {
  busy.delete("sent");
  for (const form of document.forms) delete form.dataset.sent;
});

// One menu at a time, and none when one clicks elsewhere.
addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});
addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) { menu.open = false; menu.querySelector("summary").focus(); }
});

export const typing = (event) => event.target.closest("input, textarea, select, [contenteditable]") !== null;

const places = { a: "/authenticators", u: "/users", t: "/try", c: "/cluster", s: "/settings" };
let going = 0;
addEventListener("keydown", (event) => {
  if (document.documentElement.dataset.keys === "off") return;
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event)) return;
  if (event.timeStamp - going < 1000 && places[event.key]) { location.assign(places[event.key]); going = 0; return; }
  if (event.key === "g") going = event.timeStamp;
  else if (event.key === "?") location.assign("/help#keys");
  else if (event.key === "/") {
    const search = document.querySelector("[role=search] input");
    if (search) { event.preventDefault(); search.focus(); }
  }
});

const button = document.getElementById("search");
if (button) {
  const search = async () => (await import("./palette.mjs")).open();
  button.hidden = false;
  button.addEventListener("click", search);
  addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") { event.preventDefault(); search(); }
  });
}
