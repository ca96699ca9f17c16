// The card says that it is open, hears who else has it, and notices newer versions.
// It never redraws anything under the hand; without this script it works all the same.

import {markDraft} from "../new_call/draft.js";

const BEAT_MS = 10000;
const COMMANDS = {KeyX: "cancel", KeyE: "edit", KeyF: "flag", KeyJ: "join", KeyP: "replan", KeyU: "unassign"};

const top = document.querySelector("[data-card]");
const token = document.querySelector('meta[name="csrf-token"]').content;
const presence = `${top.dataset.card}/presence`;

async function beat() {
  if (document.hidden) return;
  const answer = await fetch(presence, {
    method: "POST",
    headers: {Accept: "application/json", "X-CSRF-Token": token, "X-Background": "1"},
    body: new URLSearchParams(),
  }).catch(() => null);
  if (!answer?.ok) return;
  const {version, watching} = await answer.json();
  const line = document.querySelector("[data-watching]");
  line.hidden = !watching.length;
  line.querySelector("span").textContent = watching.join(" · ");
  document.querySelector("[data-changed]").hidden = String(version) === top.dataset.version;
}

function openCommand(name) {
  const command = document.querySelector(`.cmd-${name}`);
  if (!command) return false;
  command.open = true;
  command.querySelector(".cmd-body :is(input:not([type=hidden]),select,textarea,button)")?.focus();
  command.scrollIntoView({block: "nearest"});
  return true;
}

function keys(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const typing = event.target.closest?.("input,select,textarea");
  if (event.key === "Escape") {
    const open = document.querySelector(".cmd[open]");
    if (open) {
      open.open = false;
      open.querySelector("summary").focus();
    } else if (!typing) location.assign(top.dataset.board);
    return;
  }
  if (typing) return;
  if (event.code === "KeyN") location.assign("/admin/calls/new");
  else if (event.code === "KeyA") document.querySelector(".cd button")?.focus();
  else if (!(event.code in COMMANDS) || !openCommand(COMMANDS[event.code])) return;
  event.preventDefault();
}

setInterval(beat, BEAT_MS);
document.addEventListener("visibilitychange", beat);
document.addEventListener("keydown", keys);
window.addEventListener("pagehide", () => {
  navigator.sendBeacon(presence, new URLSearchParams({csrf_token: token, leaving: "1"}));
});
markDraft();
(document.querySelector('[aria-invalid="true"]') ?? document.querySelector("[data-refusal]"))?.focus();
