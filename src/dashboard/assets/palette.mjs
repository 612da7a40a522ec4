// Search from anywhere, by keyboard. Fetched when somebody asks for it.
import { parse } from "./live.mjs";

let dialog;

function make() {
  dialog = document.createElement("dialog");
  dialog.setAttribute("aria-label", "Search");
  const input = document.createElement("input");
  input.type = "text";
  for (const [name, value] of Object.entries({
    role: "combobox", "aria-expanded": "true", "aria-controls": "options", "aria-autocomplete": "list",
    "aria-label": "Search pages, authenticators and users", autocomplete: "off", spellcheck: "false",
  })) input.setAttribute(name, value);
  const found = document.createElement("div");
  dialog.append(input, found);
  document.body.append(dialog);

  const options = () => [...found.querySelectorAll("[data-to]")];
  const chosen = () => options().find((one) => one.getAttribute("aria-selected") === "true");
  const choose = (one) => {
    for (const other of options()) other.setAttribute("aria-selected", String(other === one));
    input.setAttribute("aria-activedescendant", one?.id ?? "");
    one?.scrollIntoView({ block: "nearest" });
  };
  let asked = 0;
  const search = async () => {
    const turn = ++asked;
    const answer = await fetch("/ui/palette?q=" + encodeURIComponent(input.value));
    if (!answer.ok || turn !== asked) return;
    found.replaceChildren(parse(await answer.text()));
    choose(options()[0]);
  };
  input.addEventListener("input", search);
  input.addEventListener("keydown", (event) => {
    const all = options();
    const at = all.indexOf(chosen());
    if (event.key === "ArrowDown") { event.preventDefault(); choose(all[(at + 1) % all.length]); }
    else if (event.key === "ArrowUp") { event.preventDefault(); choose(all[(at - 1 + all.length) % all.length]); }
    else if (event.key === "Enter" && chosen()) location.assign(chosen().dataset.to);
  });
  found.addEventListener("click", (event) => {
    const one = event.target.closest("[data-to]");
    if (one) location.assign(one.dataset.to);
  });
  return { input, search };
}

let made;
export function open() {
  made ??= make();
  if (dialog.open) return;
  made.input.value = "";
  dialog.showModal();
  made.search();
}
