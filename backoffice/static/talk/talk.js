// Looks for news of the talk now and then; what is being typed stays as it is.

const EVERY_MS = 5000;
const PARTS = ["[data-lines]", "[data-status]", "[data-conclusion]"];
const FORM = "[data-form]";

function atEnd() {
  const page = document.documentElement;
  return page.scrollHeight - page.scrollTop - page.clientHeight < 80;
}

function toEnd() {
  window.scrollTo({ top: document.documentElement.scrollHeight });
}

function exchange(part, differs, fresh) {
  const now = document.querySelector(part);
  const next = fresh.querySelector(part);
  if (next && differs(now, next)) now.replaceWith(document.adoptNode(next));
}

function take(fresh) {
  for (const part of PARTS) exchange(part, (a, b) => a.innerHTML !== b.innerHTML, fresh);
  // A form comes or goes; one that is there may hold what somebody typed.
  exchange(FORM, (a, b) => a.childElementCount !== b.childElementCount, fresh);
}

async function look() {
  if (document.hidden) return;
  let answer;
  try {
    answer = await fetch(location.pathname, { credentials: "same-origin" });
  } catch {
    return;
  }
  // The time or the right to the call is over: let the page say so itself.
  if ([403, 404, 409].includes(answer.status)) location.replace(location.pathname);
  if (!answer.ok) return;
  const follow = atEnd();
  take(new DOMParser().parseFromString(await answer.text(), "text/html"));
  if (follow) toEnd();
}

if (!location.hash) toEnd();
setInterval(look, EVERY_MS);
