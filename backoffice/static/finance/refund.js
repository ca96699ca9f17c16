// While somebody types, the form says whether a second person will be needed and who
// would bear it. Without this script the answer for the offered sum stands there.

const PAUSE_MS = 250;

const form = document.querySelector("[data-outlook]");
const said = document.querySelector("[data-said]");
let waiting = 0;
let asked = 0;

function show({error, title, reasons = [], second, shares = {}}) {
  said.classList.toggle("is-error", Boolean(error));
  said.classList.toggle("is-warn", Boolean(second));
  said.classList.toggle("is-good", second === false);
  said.querySelector(".ti").className = `ti ti-${error ? "alert-triangle" : second === undefined ? "pencil" : second ? "users" : "user-check"}`;
  said.querySelector("[data-title]").textContent = error ?? title;
  const lines = reasons.map((text) => Object.assign(document.createElement("li"), {textContent: text}));
  said.querySelector("[data-reasons]").replaceChildren(...lines);
  for (const place of document.querySelectorAll("[data-share]")) {
    place.textContent = shares[place.dataset.share] ?? "";
  }
}

async function ask() {
  const turn = ++asked;
  const typed = new FormData(form);
  const query = new URLSearchParams({
    amount: typed.get("amount"),
    destination: typed.get("destination") ?? "",
  });
  const answer = await fetch(`${form.dataset.outlook}?${query}`, {
    headers: {Accept: "application/json"},
  }).catch(() => null);
  // An answer to what stood there before is not shown over a newer one.
  if (answer?.ok && turn === asked) show(await answer.json());
}

function later(event) {
  if (!["amount", "destination"].includes(event.target.name)) return;
  clearTimeout(waiting);
  waiting = setTimeout(ask, PAUSE_MS);
}

form?.addEventListener("input", later);
document.querySelector(".fi-said[role=alert]")?.focus();
