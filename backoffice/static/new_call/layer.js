// The new call as a layer over the board: the queue stays alive beside it.

import {select} from "../board/side.js";
import {calls} from "../board/store.js";
import {markDraft} from "./draft.js";
import {mount} from "./form.js";

const PATIENCE_MS = 3000, LOOK_MS = 50;
const NEW = 'a[href$="/admin/calls/new"]';
const board = document.getElementById("board");
let layer = null, unmount = null, from = null;

async function open(link) {
  if (layer) return layer.querySelector('[name="phone"]').focus();
  from = link;
  const address = new URL(link.href);
  address.searchParams.set("layer", "1");
  const answer = await fetch(address, {headers: {Accept: "text/html"}}).catch(() => null);
  if (!answer?.ok || answer.redirected) return location.assign(link.href);
  layer = document.createElement("div");
  layer.className = "nc-layer";
  layer.innerHTML = await answer.text();
  board.append(layer);
  unmount = mount(layer, {close, created, anew});
}

function close() {
  unmount?.();
  layer?.remove();
  layer = unmount = null;
  markDraft();
  from?.focus();
}

async function anew() {
  close();
  await open(from);
}

// The row comes by the live stream; the board selects it as soon as it is there.
async function created(done, kind) {
  const said = done.message;
  close();
  if (kind === "another") {
    await open(from);
    if (layer) tell(said);
    return;
  }
  const until = Date.now() + PATIENCE_MS;
  while (!calls.has(done.booking_id) && Date.now() < until) await new Promise((go) => setTimeout(go, LOOK_MS));
  if (calls.has(done.booking_id)) select(done.booking_id);
  else location.assign(done.to);
}

function tell(said) {
  const box = layer.querySelector("[data-alert]");
  box.textContent = said;
  box.classList.add("is-good");
  box.hidden = false;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.(NEW);
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  open(link);
});
markDraft();
