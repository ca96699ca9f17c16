// Small helps for pages that also work without any script.

const TOAST_MS = 8000;

function closeToasts() {
  for (const toast of document.querySelectorAll("[data-toast]")) {
    const remove = () => toast.remove();
    toast.querySelector("[data-close]").addEventListener("click", remove);
    const stays = toast.dataset.toast === "stays" || toast.classList.contains("is-error");
    if (!stays) setTimeout(remove, TOAST_MS);
  }
}

// A filter acts as soon as it is chosen.
function submitOnChange(event) {
  if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
}

// One open pop-up at a time; Esc and a click elsewhere close it.
function closePops(event) {
  for (const pop of document.querySelectorAll("details.pop[open]")) {
    const outside = event.type === "click" && !pop.contains(event.target);
    if (outside || event.key === "Escape") pop.open = false;
  }
}

// A second click on a button that is already sending does nothing.
function sendOnce(event) {
  const form = event.target;
  if (form.method !== "post") return;
  if (form.dataset.sending) event.preventDefault();
  form.dataset.sending = "1";
}

function focusSearch(event) {
  const typing = event.target.closest?.("input,select,textarea");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey) return;
  const search = document.querySelector(".search input");
  if (search) {
    event.preventDefault();
    search.focus();
    search.select();
  }
}

closeToasts();
document.addEventListener("change", submitOnChange);
document.addEventListener("click", closePops);
document.addEventListener("keydown", closePops);
document.addEventListener("keydown", focusSearch);
document.addEventListener("submit", sendOnce);
window.addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
