// The gateway under test, what stands behind it, and a day's traffic.
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import readline from "node:readline";

import { startProvider } from "./provider.mjs";

const START_MS = 20_000;
const AMP_KEY = "amp-key-of-the-page-run";
/** Each client's key is its name with this behind it. */
const CLIENT_KEY = "-key-of-the-page-run";
export const CLIENTS = ["alice", "build-server", "carol", "dmitri"];


/** Each of these requests may take so long, a slow machine included. */
const CALL_MS = 30_000;

/** Starts `ampgate ARGS`, and waits until its lines have told all of `places`: the name of an address
 * that they listen on, and what stands before it. */
async function start(binary, args, places) {
    const child = spawn(binary, args, {
        stdio: ["ignore", "pipe", "pipe"],
        env: { PATH: process.env.PATH, HOME: "/nonexistent" },
    });
    const said = [];
    const found = {};
    await new Promise((done, fail) => {
        const failed = (why) => fail(new Error(`${args[0]} ${why}:\n${said.join("\n")}`));
        const timer = setTimeout(() => failed("did not start"), START_MS);
        child.once("exit", (code) => failed(`ended with ${code}`));
        const read = (line) => {
            said.push(line);
            const address = line.match(/127\.0\.0\.1:\d+/)?.[0];
            const place = address && Object.keys(places).find((name) => line.includes(places[name]));
            if (place) found[place] = `http://${address}`;
            if (Object.keys(found).length < Object.keys(places).length) return;
            clearTimeout(timer);
            done();
        };
        for (const stream of [child.stdout, child.stderr]) {
            readline.createInterface(stream).on("line", read);
        }
    });
    const ended = new Promise((done) => child.once("exit", done));
    const stop = () => {
        child.kill("SIGTERM");
        return ended;
    };
    return { ...found, stop };
}

/** A gateway with credentials that will fare differently, in front of a provider and an Amp server. */
export async function startAll(binary, work) {
    const provider = await startProvider();
    const amp = await start(binary, ["demo-upstream", "--amp-key", AMP_KEY], { origin: "http://" });
    const config = path.join(work, "ampgate.yaml");
    const startGateway = async (adminPort) => {
        fs.writeFileSync(config, configuration(provider.origin, amp.origin, adminPort));
        const places = { clients: '"listening"', admin: '"listening for metrics and status"' };
        return start(binary, ["serve", "--config", config], places);
    };
    const gateway = await startGateway(0);
    const stop = async () => {
        provider.stop();
        await Promise.all([amp.stop(), gateway.stop()]);
    };
    return { gateway, provider, startGateway, stop };
}

const configuration = (provider, amp, adminPort) => `
host: 127.0.0.1
port: 0
admin: { port: ${adminPort} }
api-keys: [ ${CLIENTS.map((name) => `{ name: ${name}, key: ${name}${CLIENT_KEY} }`).join(", ")} ]
ampcode:
  upstream-url: ${amp}
  upstream-api-key: ${AMP_KEY}
  fallback: on-failure
  model-mappings: [ { from: gpt-5-mini, to: claude-haiku-4-5 } ]
claude-api-key:
  - { api-key: good-key-1, base-url: "${provider}", models: [ { name: claude-sonnet-4-5 }, { name: claude-haiku-4-5 } ] }
  - { api-key: spent-key, base-url: "${provider}", models: [ { name: claude-sonnet-4-5 } ] }
  - { api-key: good-key-2, base-url: "${provider}", models: [ { name: claude-opus-4-5 } ] }
openai-api-key:
  - { api-key: good-key-3, base-url: "${provider}/v1", models: [ { name: gpt-5.1 }, { name: gpt-5.1-codex } ] }
openai-compatibility:
  - name: openrouter
    base-url: "${provider}/compatible/v1"
    api-key-entries: [ { api-key: good-key-4 } ]
    models: [ { name: moonshotai/kimi-k2, alias: kimi-k2 } ]
prices:
  - { model: "claude-haiku-*", input: 1, cached-input: 0.1, output: 5 }
  - { model: "claude-sonnet-*", input: 3, cached-input: 0.3, output: 15 }
  - { model: "claude-*", input: 5, cached-input: 0.5, output: 25 }
  - { model: "gpt-*", input: 1.25, cached-input: 0.125, output: 10 }
  - { model: "moonshotai/*", input: 0.6, output: 2.5 }
request-retry: 0
log: { format: json }
`;

const DOORS = {
    messages: "/v1/messages",
    chat: "/v1/chat/completions",
    amp: "/api/provider/anthropic/v1/messages",
};

/** One model call; answers with the status when the last byte has come. */
export async function call(gateway, client, door, model, wish = {}, stream = false) {
    const answer = await fetch(gateway.clients + DOORS[door], {
        method: "POST",
        headers: {
            "authorization": `Bearer ${client}${CLIENT_KEY}`,
            "content-type": "application/json",
            "anthropic-version": "2023-06-01",
        },
        body: JSON.stringify({
            model,
            max_tokens: 1000,
            stream,
            messages: [{ role: "user", content: JSON.stringify(wish) }],
        }),
        signal: AbortSignal.timeout(CALL_MS),
    });
    await answer.arrayBuffer();
    return answer.status;
}

/** A call of Amp's own traffic. */
async function relayed(gateway, client) {
    const headers = { authorization: `Bearer ${client}${CLIENT_KEY}` };
    const answer = await fetch(`${gateway.clients}/api/threads/find`, { headers });
    await answer.arrayBuffer();
    return answer.status;
}

/** Numbers from 0 to 1 that look like chance, and are the same each time. */
function chance() {
    let state = 42;
    return () => {
        state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
        return state / 2_147_483_648;
    };
}

/** A working day in some seconds; each kind of traffic with what should come of it. */
export async function workingDay(gateway) {
    const next = chance();
    const likely = () => (next() + next() + next()) / 3;
    const ordinary = (weight) => {
        const input = Math.round(weight * 2000 * 30 ** likely());
        return {
            delay: Math.round(40 * 60 ** likely()),
            rest: Math.round(80 * 50 ** likely()),
            input,
            cached: Math.round(input * 0.8 * likely()),
            output: Math.round(weight * 100 * 20 ** likely()),
            left: 0.55,
        };
    };
    const client = () => CLIENTS[Math.floor(CLIENTS.length * next() ** 1.7)];
    const calls = [];
    const add = (count, door, model, weight = 1) => {
        for (let n = 0; n < count; n += 1) {
            calls.push(call(gateway, client(), door, model, ordinary(weight), n % 3 > 0));
        }
    };
    add(90, "messages", "claude-sonnet-4-5", 2);
    add(30, "messages", "claude-haiku-4-5");
    add(45, "chat", "gpt-5.1", 1.5);
    add(25, "chat", "kimi-k2", 2);
    add(25, "chat", "gpt-5-mini");
    for (let n = 0; n < 60; n += 1) calls.push(relayed(gateway, client()));
    const statuses = await Promise.all(calls);

    // What goes wrong, one after the other: each kind shall be there, and in this order.
    const wrong = [
        ["alice", "messages", "claude-sonnet-4-5", { status: 400 }],
        ["carol", "chat", "gpt-5.1-codex", { status: 404 }],
        ["dmitri", "messages", "a-model-that-nobody-serves", {}],
        ["nobody", "messages", "claude-sonnet-4-5", {}],
    ];
    const refused = [];
    for (const [who, door, model, wish] of wrong) {
        refused.push(await call(gateway, who, door, model, wish));
    }
    const opus = [];
    for (let n = 0; n < 5; n += 1) {
        opus.push(await call(gateway, "alice", "amp", "claude-opus-4-5", { status: 503 }));
    }
    const amp = await call(gateway, "carol", "amp", "claude-of-amp-only");
    const limited = await call(gateway, "build-server", "chat", "kimi-k2", { status: 429, retryAfter: 1 });
    return { statuses, refused, opus, amp, limited };
}
