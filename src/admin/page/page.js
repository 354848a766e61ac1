// Keeps the page true without a reload. Every event of `events` means that there may be something
// new; what it looks like is rendered by the gateway alone, so the page is fetched again and the
// differences are put in. Only those: what has the focus, is unfolded or selected stays so.
"use strict";

const RETRY_MS = 5000;
const live = document.getElementById("live");
let source = null;
let retry = 0;
let isFetching = false;

document.documentElement.classList.add("scripted");

function say(state, words) {
    document.documentElement.classList.toggle("is-live", state === "live");
    document.documentElement.classList.toggle("is-lost", state === "lost");
    if (live.textContent !== words) live.textContent = words; // it is read aloud when it changes
}

async function refresh() {
    if (isFetching) return; // a slow gateway is not asked twice
    isFetching = true;
    try {
        const answer = await fetch(".", { headers: { accept: "text/html" }, cache: "no-store" });
        if (!answer.ok) throw new Error(`status ${answer.status}`);
        show(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } finally {
        isFetching = false;
    }
}

function show(fresh) {
    const focused = document.activeElement;
    for (const part of ["main", ".process"]) {
        morph(document.querySelector(part), fresh.querySelector(part));
    }
    document.title = fresh.title;
    if (focused.isConnected && focused !== document.activeElement) focused.focus({ preventScroll: true });
}

// ---------------------------------------------------------------- putting in the differences

const keyOf = (node) => node.nodeType === Node.ELEMENT_NODE ? node.dataset.key ?? (node.id || null) : null;
const isAlike = (a, b) => a.nodeName === b.nodeName && keyOf(a) === keyOf(b);

/** Makes `old` like `fresh`, and keeps of it what it can. */
function morph(old, fresh) {
    if (old.nodeType !== Node.ELEMENT_NODE) {
        if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
        return;
    }
    morphAttributes(old, fresh);
    if (old.nodeName === "OUTPUT") return; // what an action answered
    const keyed = new Map();
    for (const child of old.childNodes) if (keyOf(child) !== null) keyed.set(keyOf(child), child);
    let at = old.firstChild;
    for (const wanted of [...fresh.childNodes]) {
        const key = keyOf(wanted);
        const same = key === null ? at : keyed.get(key);
        keyed.delete(key); // a second one of that name is another
        if (same && isAlike(same, wanted)) {
            if (same === at) at = at.nextSibling;
            else old.insertBefore(same, at);
            morph(same, wanted);
        } else {
            old.insertBefore(document.importNode(wanted, true), at);
        }
    }
    while (at) {
        const next = at.nextSibling;
        at.remove();
        at = next;
    }
}

function morphAttributes(old, fresh) {
    for (const { name } of [...old.attributes]) {
        // Whether it is unfolded is up to the reader.
        if (name !== "open" && !fresh.hasAttribute(name)) old.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes) {
        if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
}

// ---------------------------------------------------------------- being live

function listen() {
    clearTimeout(retry);
    source?.close();
    source = new EventSource("events");
    source.onmessage = () => refresh().then(() => say("live", "live"), lost);
    source.onerror = lost;
}

function lost() {
    source?.close();
    source = null;
    say("lost", "not live, trying again");
    clearTimeout(retry);
    retry = setTimeout(() => {
        // A gateway that drains ends its events, but still answers.
        refresh().catch(() => {});
        listen();
    }, RETRY_MS);
}

// Who does not look takes no place among the readers of the events.
document.addEventListener("visibilitychange", () => {
    if (!document.hidden) return listen();
    clearTimeout(retry);
    source?.close();
    source = null;
});

// The words of `duration` in numbers.rs.
function duration(seconds) {
    const two = (large, unit, small, part) =>
        `${large}\u202f${unit}` + (small === 0 ? "" : ` ${small}\u202f${part}`);
    const minutes = Math.floor(seconds / 60), hours = Math.floor(seconds / 3600), days = Math.floor(seconds / 86400);
    if (minutes === 0) return `${seconds}\u202fs`;
    if (hours === 0) return two(minutes, "min", seconds % 60, "s");
    if (days === 0) return two(hours, "h", minutes % 60, "min");
    return two(days, "d", hours % 24, "h");
}

setInterval(() => {
    for (const left of document.querySelectorAll("[data-seconds-left]")) {
        const seconds = Math.max(0, Number(left.dataset.secondsLeft) - 1);
        left.dataset.secondsLeft = seconds;
        left.textContent = duration(seconds);
    }
}, 1000);

// ---------------------------------------------------------------- buttons

document.addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = event.target;
    const button = form.querySelector("button");
    const output = form.querySelector("output");
    button.disabled = true;
    try {
        const answer = await fetch(form.action, { method: "POST", headers: { accept: "application/json" } });
        const refusal = answer.ok ? null : (await answer.json()).error.message;
        output.textContent = refusal ?? "";
        if (!refusal) await refresh();
    } catch {
        output.textContent = "the gateway did not answer";
    } finally {
        button.disabled = false;
    }
});

document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const label = button.textContent;
    button.textContent = await copy(button) ? "copied" : "select it";
    setTimeout(() => { button.textContent = label; }, 1500);
});

/** Copies the code before the button; by the old way where the page has not come safely. */
async function copy(button) {
    if (navigator.clipboard) {
        return navigator.clipboard.writeText(button.dataset.copy).then(() => true, () => false);
    }
    getSelection().selectAllChildren(button.parentElement.querySelector("code"));
    return document.execCommand("copy");
}

listen();
