// Looks at the status page, and says of each thing that it must do whether it does: `ok NAME` or
// `FAIL NAME`. Started by `run`.
import assert from "node:assert/strict";
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

import { call, startAll, workingDay } from "./gateway.mjs";

const [binary, packages, pictures, work] = process.argv.slice(2);
const require = createRequire(path.join(packages, "/"));
const { chromium } = require("playwright-core");
const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const PATIENCE_MS = 15_000;
const WIDE = { width: 1200, height: 800 };
const PHONE = { width: 360, height: 780 };

// ---------------------------------------------------------------- saying it

let failed = 0;

async function check(name, look) {
    try {
        await look();
        console.log(`ok    ${name}`);
    } catch (problem) {
        failed += 1;
        console.log(`FAIL  ${name}\n${String(problem.message).split("\n").slice(0, 30).map((line) => `      | ${line}`).join("\n")}`);
    }
}

/** Tries until `look` says true. */
async function eventually(what, look) {
    const deadline = Date.now() + PATIENCE_MS;
    while (!(await look())) {
        if (Date.now() > deadline) throw new Error(`in vain: ${what}`);
        await new Promise((done) => setTimeout(done, 50));
    }
}

// ---------------------------------------------------------------- what there is to see

const all = await startAll(binary, work);
let { gateway } = all;
const { provider } = all;
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });

const status = async () => (await fetch(`${gateway.admin}/status`)).json();
const stateOf = async (id) => (await status()).credentials.find((it) => it.id === id)?.state;

/** Whatever a browser complains of, on any page. */
const complaints = [];

async function open(options = {}) {
    const context = await browser.newContext({ viewport: WIDE, ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    page.on("console", (message) => {
        // While the gateway is away, the browser may say that it is.
        const isExpected = page.gatewayIsAway && message.text().includes("net::ERR_");
        if (["error", "warning"].includes(message.type()) && !isExpected) complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(String(error)));
    await page.goto(`${gateway.admin}/`);
    return page;
}

/** What a page shows, as numbers and names. */
const shown = (page) => page.evaluate(() => {
    const digits = (text) => Number(text.replace(/\D/g, ""));
    const rows = (key) => Object.fromEntries(
        [...document.querySelectorAll(`section[data-key="${key}"] tbody tr`)].map((row) => {
            const cell = (label) => digits(row.querySelector(`[data-label="${label}"]`).title);
            return [row.dataset.key, [cell("Requests"), cell("Failed")]];
        }),
    );
    const facts = [...document.querySelectorAll(".totals dl > div")].map((fact) => {
        const number = fact.querySelector("b");
        return [fact.querySelector("dt").textContent, digits(number.title || number.textContent)];
    });
    return {
        totals: Object.fromEntries(facts),
        states: Object.fromEntries(
            [...document.querySelectorAll(".credential")].map((it) => [it.dataset.key, it.querySelector(".state").textContent]),
        ),
        used: Object.fromEntries([...document.querySelectorAll(".credential")].map((it) => {
            const title = it.querySelector(".used")?.title ?? "0 in, 0 out";
            return [it.dataset.key, title.split(",").map(digits)];
        })),
        routes: rows("pays"),
        clients: rows("clients"),
        models: rows("models"),
        providers: rows("providers"),
        failures: [...document.querySelectorAll('section[data-key="failures"] tbody tr')].map((row) => row.dataset.key),
    };
});

const counts = (rows) => Object.fromEntries(rows.map((row) => [row.name, [row.requests, row.failed]]));
const isLive = (page) => eventually("the page says that it is live", async () => (await page.textContent("#live")) === "live");

const WORDS = { "ready": "Ready", "limited": "Partly resting", "resting": "Resting", "half-open": "To be tried again" };

async function accessible(page) {
    await page.evaluate(axe);
    const violations = await page.evaluate(async () => (await axe.run()).violations.map(
        (it) => `${it.id}: ${it.nodes.map((node) => node.html).join("\n")}`,
    ));
    assert.deepEqual(violations, []);
}

/** The whole page, and for the documentation what is above its tables, or on the first screen of a phone. */
async function picture(page, name) {
    await page.evaluate(() => {
        document.activeElement.blur();
        window.scrollTo(0, 0);
    });
    const { width } = page.viewportSize();
    const tables = await page.locator(".tables").boundingBox();
    const height = page === phone ? PHONE.height : tables.y;
    const whole = { fullPage: true, animations: "disabled" };
    await page.screenshot({ ...whole, path: path.join(pictures, `${name}-whole.png`) });
    await page.screenshot({ ...whole, path: path.join(pictures, `${name}.png`), clip: { x: 0, y: 0, width, height } });
}

// ---------------------------------------------------------------- before anybody has asked

const light = await open({ colorScheme: "light" });

await check("a quiet gateway says what to do", async () => {
    assert.match(await light.textContent("main"), /Nothing has been asked yet/);
    assert.match(await light.textContent("main"), /ANTHROPIC_BASE_URL/);
    assert.equal(await light.locator(".credential").count(), 5);
    await accessible(light);
});

// ---------------------------------------------------------------- a busy day

const openStreams = [];
await check("the day goes as it should", async () => {
    const day = await workingDay(gateway);
    assert.deepEqual(day.statuses.filter((it) => it !== 200), []);
    assert.deepEqual(day.refused, [400, 404, 404, 401]);
    assert.deepEqual([...day.opus, day.amp], [200, 200, 200, 200, 200, 200]);
    assert.equal(day.limited, 429);
    for (let n = 0; n < 3; n += 1) {
        openStreams.push(call(gateway, "alice", "messages", "claude-haiku-4-5", { hold: true, left: 0.55 }, true));
    }
    await eventually("openrouter-1 may be tried again", async () => (await stateOf("openrouter-1")) === "half-open");
});

await check("the page has become busy without a reload", async () => {
    await light.locator("#pays").waitFor();
    await isLive(light);
});

await check("all numbers are those of /status", async () => {
    await light.reload();
    await isLive(light);
    const [expected, found] = [await status(), await shown(light)];
    const { totals } = expected;
    assert.deepEqual(found.totals.Requests, totals.requests);
    assert.ok(totals.requests > 280, `${totals.requests} requests`);
    for (const [name, number] of [["Input tokens", totals.tokens.input], ["Output tokens", totals.tokens.output]]) {
        assert.equal(found.totals[name], number, name);
        assert.ok(number > 0, name);
    }
    assert.ok(totals.cost_usd > 0, "a cost");
    assert.deepEqual(found.routes, counts(expected.by_route.filter((row) => row.requests > 0)));
    for (const by of ["client", "model", "provider"]) {
        assert.deepEqual(found[`${by}s`], counts(expected[`by_${by}`]), by);
    }
    const used = expected.credentials.map(({ id, tokens }) => [id, [tokens.input, tokens.output]]);
    assert.deepEqual(found.used, Object.fromEntries(used));
    assert.ok(used.some(([, [input, output]]) => input > 0 && output > 0), "tokens by credential");
    assert.deepEqual(found.failures, expected.failures.map((failure) => failure.request_id));
    assert.ok(found.failures.length >= 5, "failures");
});

await check("who pays is said and drawn", async () => {
    const { totals } = await status();
    assert.match(await light.textContent("#fallbacks"), new RegExp(`^${totals.amp_fallbacks} model calls were paid by Amp`));
    assert.deepEqual(await light.locator(".share .what").allTextContents(), ["Requests", "Tokens", "Cost"]);
    for (const route of ["local", "mapped", "amp", "relay"]) {
        const drawn = await light.locator(`.share:first-child g.${route} rect`).boundingBox();
        assert.ok(drawn.width > 1, route);
    }
    for (const name of ["Own providers", "Own providers, mapped", "Amp", "Amp’s own traffic"]) {
        assert.equal(await light.locator(".pays th", { hasText: name }).count() > 0, true, name);
    }
});

await check("each credential has the word for its state, and why", async () => {
    const expected = (await status()).credentials.map((it) => [it.id, WORDS[it.state]]);
    assert.deepEqual(Object.entries((await shown(light)).states), expected);
    assert.deepEqual(Object.fromEntries(expected), {
        "claude-1": "Ready",
        "claude-2": "Partly resting",
        "claude-3": "Resting",
        "openai-1": "Partly resting",
        "openrouter-1": "To be tried again",
    });
    assert.match(await light.textContent('[data-key="claude-2"] .rests'), /claude-sonnet-4-5: over a limit, for 30.min.*as the provider said/);
    assert.match(await light.textContent('[data-key="claude-3"] .rests'), /^its key was refused, for .*by our own guess/);
    assert.match(await light.textContent('[data-key="openai-1"] .rests'), /gpt-5.1-codex: it has no such model/);
    assert.match(await light.textContent('[data-key="claude-1"] .limits'), /2.200 of 4.000 left/);
    assert.equal(await light.locator('[data-key="claude-1"] .gauge').count() > 0, true);
});

await check("times are drawn, and said in words", async () => {
    const figures = await light.locator(".times figcaption p").allTextContents();
    assert.equal(figures.length, 2);
    for (const words of figures) assert.match(words, /^Half of \d+ answers (began|ended) within .+, 95.% within .+\.$/);
    assert.ok(await light.locator(".histogram .column").count() > 8);
    assert.equal(await light.locator(".histogram .mark").count(), 4);
});

await check("the time that is left counts down", async () => {
    const left = light.locator('[data-key="claude-2"] [data-seconds-left]');
    const before = Number(await left.getAttribute("data-seconds-left"));
    await eventually("it becomes less", async () => Number(await left.getAttribute("data-seconds-left")) < before);
});

// ---------------------------------------------------------------- on every screen

const dark = await open({ colorScheme: "dark", reducedMotion: "reduce" });
const phone = await open({ viewport: PHONE, deviceScaleFactor: 2, colorScheme: "light" });
const screens = { light, dark, phone };

for (const [name, page] of Object.entries(screens)) {
    await check(`${name}: no rule of accessibility is broken`, async () => {
        await isLive(page);
        await accessible(page);
    });
    await check(`${name}: nothing is wider than the screen`, async () => {
        const wide = await page.evaluate(() => {
            for (const fold of document.querySelectorAll("details")) fold.open = true;
            const { scrollWidth, clientWidth } = document.documentElement;
            for (const fold of document.querySelectorAll("details")) fold.open = false;
            return scrollWidth - clientWidth;
        });
        assert.equal(wide, 0);
    });
    await check(`${name}: a picture`, () => picture(page, name));
}

await check("dark is dark", async () => {
    const ground = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    assert.notEqual(await ground(dark), await ground(light));
});

await check("who wants no motion sees none", async () => {
    const motion = (page) => page.evaluate(() => getComputedStyle(document.getElementById("live"), "::before").animationName);
    assert.equal(await motion(dark), "none");
    assert.equal(await motion(light), "pulse");
});

await check("the first key press offers to skip to the status", async () => {
    await dark.keyboard.press("Tab");
    assert.equal(await dark.evaluate(() => document.activeElement.textContent), "Skip to the status");
    assert.ok((await dark.locator(".skip").boundingBox()).x >= 0);
});

// ---------------------------------------------------------------- live

/** Asks for a model that nobody serves. */
const fails = async (model) => assert.equal(await call(gateway, "alice", "messages", model), 404);

const EVIL = "<img src=x onerror=document.title='owned'>";

await check("what is new comes without a reload, and a model's name is text", async () => {
    await light.evaluate(() => { window.isTheSamePage = true; });
    const before = (await shown(light)).failures.length;
    await fails(EVIL);
    await eventually("one failure more", async () => (await shown(light)).failures.length === before + 1);
    assert.equal(await light.evaluate(() => window.isTheSamePage), true);
    assert.match(await light.textContent('section[data-key="failures"]'), /<img src=x/);
    assert.equal(await light.locator("main img").count(), 0);
    assert.doesNotMatch(await light.title(), /owned/);
});

await check("what is unfolded, focused and scrolled to stays so", async () => {
    for (let n = 0; n < 8; n += 1) await fails(`missing-${n}`);
    const failures = light.locator('section[data-key="failures"]');
    const fold = failures.locator("details");
    await fold.waitFor();
    await fold.evaluate((details) => { details.open = true; });
    const first = (await shown(light)).failures[0];
    await light.locator(`[data-copy="${first}"]`).focus();
    const place = await light.evaluate(() => window.scrollY);
    await fails("missing-at-last");
    await failures.getByText("missing-at-last").waitFor();
    assert.equal(await light.evaluate(() => document.activeElement.dataset.copy), first);
    assert.equal(await light.evaluate(() => window.scrollY), place);
    assert.equal(await fold.evaluate((details) => details.open), true);
});

await check("a request id can be copied", async () => {
    await light.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    const id = (await shown(light)).failures[0];
    await light.locator(`[data-copy="${id}"]`).click();
    await eventually("it says so", async () => (await light.textContent(`[data-copy="${id}"]`)) === "copied");
    assert.equal(await light.evaluate(() => navigator.clipboard.readText()), id);
});

await check("the reset button makes a credential ready, without a reload", async () => {
    await light.locator('[data-key="claude-2"] button').click();
    await eventually("it is ready", async () => (await shown(light)).states["claude-2"] === "Ready");
    assert.equal(await stateOf("claude-2"), "ready");
    await eventually("the focus stays near", () => light.evaluate(() => document.activeElement.dataset.key === "claude-2"));
    assert.equal(await light.evaluate(() => window.isTheSamePage), true);
});

await check("without a script everything is there, and the reset button works", async () => {
    const plain = await open({ javaScriptEnabled: false });
    assert.match(await plain.textContent("#live"), /^as of \d\d:\d\d:\d\d UTC$/);
    assert.equal(await plain.locator(".copy").first().isVisible(), false);
    await plain.locator('[data-key="claude-3"] button').click();
    await plain.waitForURL(`${gateway.admin}/`);
    assert.equal(await plain.textContent('[data-key="claude-3"] .state'), "Ready");
    assert.equal(await stateOf("claude-3"), "ready");
});

await check("a gateway that is away is said to be, and found again", async () => {
    for (const page of [dark, phone]) await page.close();
    light.gatewayIsAway = true;
    provider.release();
    await Promise.all(openStreams);
    await gateway.stop();
    await eventually("it is not live", async () => (await light.textContent("#live")).startsWith("not live"));
    gateway = await all.startGateway(new URL(gateway.admin).port);
    await isLive(light);
    // The page says that it is live when it is connected; what it shows comes a moment later.
    const showsNothing = async () => /Nothing has been asked yet/.test(await light.textContent("main"));
    await eventually("it shows the new gateway", showsNothing);
});

await check("the browser had nothing to complain of", async () => assert.deepEqual(complaints, []));

await browser.close();
await gateway.stop();
await all.stop();
process.exit(failed > 0 ? 1 : 0);
