// A provider that does as the prompt says, so that a few seconds look like a working day.
//
// The prompt is JSON: `{ delay, rest, input, cached, output, status, retryAfter, hold }`, all of it optional:
// milliseconds to the first byte and from there to the end, tokens, a refusal, and whether a stream stays open
// until `release`. It speaks Anthropic Messages and OpenAI Chat Completions. The key `spent-key` is over
// its limit, whatever is asked.
import http from "node:http";

const MAX_REST_SECONDS = 1847;
const wait = (ms) => new Promise((done) => setTimeout(done, ms));

export async function startProvider() {
    let release;
    const released = new Promise((done) => { release = done; });
    const server = http.createServer(async (request, response) => {
        const chunks = [];
        for await (const chunk of request) chunks.push(chunk);
        const body = JSON.parse(Buffer.concat(chunks).toString() || "{}");
        const key = request.headers["x-api-key"] ?? request.headers.authorization ?? "";
        const wish = key.endsWith("spent-key") ? { status: 429, retryAfter: MAX_REST_SECONDS } : wishIn(body);
        const dialect = request.url.endsWith("/messages") ? anthropic : chat;
        await wait(wish.delay ?? 0);
        if (wish.status) return refuse(response, wish);
        const head = { "content-type": body.stream ? "text/event-stream" : "application/json", ...limits(wish) };
        response.writeHead(200, head);
        if (!body.stream) return response.end(JSON.stringify(dialect.whole(body.model, wish)));
        const [first, last] = dialect.events(body.model, wish);
        response.write(first);
        await (wish.hold ? released : wait(wish.rest ?? 0));
        response.end(last);
    });
    server.listen(0, "127.0.0.1");
    await new Promise((done) => server.once("listening", done));
    return { origin: `http://127.0.0.1:${server.address().port}`, release, stop: () => server.closeAllConnections() || server.close() };
}

function wishIn(body) {
    const content = body.messages?.at(-1)?.content;
    const text = Array.isArray(content) ? content[0].text : content;
    try {
        return JSON.parse(text);
    } catch {
        return {}; // an ordinary prompt
    }
}

function refuse(response, { status, retryAfter }) {
    const fields = retryAfter === undefined ? {} : { "retry-after": String(retryAfter) };
    response.writeHead(status, { "content-type": "application/json", ...fields });
    const type = { 404: "not_found_error", 429: "rate_limit_error" }[status] ?? "api_error";
    response.end(JSON.stringify({ type: "error", error: { type, code: status === 404 ? "model_not_found" : type, message: `refused with ${status}` } }));
}

const limits = ({ left }) => left === undefined ? {} : {
    "anthropic-ratelimit-requests-limit": "4000",
    "anthropic-ratelimit-requests-remaining": String(Math.round(4000 * left)),
    "anthropic-ratelimit-requests-reset": new Date(Date.now() + 41_000).toISOString(),
    "anthropic-ratelimit-input-tokens-limit": "400000",
    "anthropic-ratelimit-input-tokens-remaining": String(Math.round(400_000 * left * left)),
    "anthropic-ratelimit-input-tokens-reset": new Date(Date.now() + 58_000).toISOString(),
};

const event = (name, data) => `${name ? `event: ${name}\n` : ""}data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`;

const anthropic = {
    usage: ({ input = 20, cached = 0, output = 9 }) => ({
        input_tokens: input - cached, cache_read_input_tokens: cached, cache_creation_input_tokens: 0, output_tokens: output,
    }),
    whole(model, wish) {
        return {
            id: "msg_1", type: "message", role: "assistant", model, content: [{ type: "text", text: "Done." }],
            stop_reason: "end_turn", stop_sequence: null, usage: this.usage(wish),
        };
    },
    events(model, wish) {
        const message = { ...this.whole(model, wish), content: [], stop_reason: null, usage: { ...this.usage(wish), output_tokens: 1 } };
        const first = event("message_start", { type: "message_start", message })
            + event("content_block_start", { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } })
            + event("content_block_delta", { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Do" } });
        const last = event("content_block_delta", { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "ne." } })
            + event("content_block_stop", { type: "content_block_stop", index: 0 })
            + event("message_delta", { type: "message_delta", delta: { stop_reason: "end_turn", stop_sequence: null }, usage: this.usage(wish) })
            + event("message_stop", { type: "message_stop" });
        return [first, last];
    },
};

const chat = {
    usage: ({ input = 20, cached = 0, output = 9, thinking = 0 }) => ({
        prompt_tokens: input, completion_tokens: output, total_tokens: input + output,
        prompt_tokens_details: { cached_tokens: cached }, completion_tokens_details: { reasoning_tokens: thinking },
    }),
    whole(model, wish) {
        const choices = [{ index: 0, message: { role: "assistant", content: "Done." }, finish_reason: "stop" }];
        return { id: "chatcmpl-1", object: "chat.completion", created: 1, model, choices, usage: this.usage(wish) };
    },
    events(model, wish) {
        const chunk = (choices, more = {}) => event("", { id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model, choices, ...more });
        const delta = (delta, finish_reason = null) => [{ index: 0, delta, finish_reason }];
        const first = chunk(delta({ role: "assistant", content: "" })) + chunk(delta({ content: "Do" }));
        const last = chunk(delta({ content: "ne." })) + chunk(delta({}, "stop")) + chunk([], { usage: this.usage(wish) }) + event("", "[DONE]");
        return [first, last];
    },
};
