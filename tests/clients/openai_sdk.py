"""The official OpenAI SDK for Python against the gateway's direct routes."""

import openai

from sdk import ANSWER, KEY, UNKNOWN_MODEL, URL, WRONG_KEY, expect, expect_error, expect_pieces, run

MODEL = "gpt-demo"
SAID = [{"role": "user", "content": "say hi"}]


def client(key=KEY):
    return openai.OpenAI(base_url=f"{URL}/v1", api_key=key, max_retries=0, timeout=20)


def chat():
    answer = client().chat.completions.create(model=MODEL, messages=SAID)
    expect(answer.choices[0].message.content, ANSWER)
    expect(answer.choices[0].finish_reason, "stop")
    assert answer.usage.total_tokens > 0, answer.usage


def chat_stream():
    options = {"include_usage": True}
    chunks = list(client().chat.completions.create(
        model=MODEL, messages=SAID, stream=True, stream_options=options
    ))
    expect_pieces([c.choices[0].delta.content for c in chunks if c.choices], ANSWER)
    assert chunks[-1].usage.total_tokens > 0, chunks[-1]


def chat_tool():
    function = {"name": "list_files", "parameters": {"type": "object", "properties": {}}}
    answer = client().chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "use a tool"}],
        tools=[{"type": "function", "function": function}],
    )
    call = answer.choices[0].message.tool_calls[0].function
    expect((call.name, call.arguments), ("list_files", "{}"))


def responses():
    answer = client().responses.create(model=MODEL, input="say hi")
    expect((answer.output_text, answer.status), (ANSWER, "completed"))


def responses_stream():
    events = list(client().responses.create(model=MODEL, input="say hi", stream=True))
    deltas = [e.delta for e in events if e.type == "response.output_text.delta"]
    expect_pieces(deltas, ANSWER)
    expect([e.sequence_number for e in events], list(range(len(events))))
    expect(events[-1].type, "response.completed")
    expect(events[-1].response.output_text, ANSWER)


def completions():
    answer = client().completions.create(model=MODEL, prompt="say hi")
    expect(answer.choices[0].text, ANSWER)


def completions_stream():
    chunks = client().completions.create(model=MODEL, prompt="say hi", stream=True)
    expect_pieces([chunk.choices[0].text for chunk in chunks if chunk.choices], ANSWER)


def models():
    names = [model.id for model in client().models.list()]
    assert MODEL in names, names


def wrong_key():
    expect_error(openai.AuthenticationError, lambda: client(WRONG_KEY).responses.create(
        model=MODEL, input="say hi"
    ))


def unknown_model():
    error = expect_error(
        (openai.NotFoundError, openai.BadRequestError),
        lambda: client().chat.completions.create(model=UNKNOWN_MODEL, messages=SAID),
    )
    assert UNKNOWN_MODEL in error.body["message"], error.body


run({case.__name__: case for case in (
    chat, chat_stream, chat_tool, responses, responses_stream, completions, completions_stream,
    models, wrong_key, unknown_model,
)})
