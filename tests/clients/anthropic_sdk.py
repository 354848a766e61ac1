"""The official Anthropic SDK for Python against the gateway's direct routes."""

import anthropic

from sdk import ANSWER, KEY, UNKNOWN_MODEL, URL, WRONG_KEY, expect, expect_error, expect_pieces, run

MODEL = "claude-demo"


def client(key=KEY):
    return anthropic.Anthropic(base_url=URL, api_key=key, max_retries=0, timeout=20)


def ask(said="say hi", model=MODEL):
    message = {"role": "user", "content": said}
    return {"model": model, "max_tokens": 256, "messages": [message]}


def messages():
    answer = client().messages.create(**ask())
    expect(answer.content[0].text, ANSWER)
    expect((answer.model, answer.stop_reason), (MODEL, "end_turn"))


def messages_stream():
    with client().messages.stream(**ask()) as stream:
        expect_pieces(stream.text_stream, ANSWER)
        expect(stream.get_final_message().stop_reason, "end_turn")


def tool_stream():
    schema = {"type": "object", "properties": {}}
    tools = [{"name": "list_files", "description": "Lists files", "input_schema": schema}]
    with client().messages.stream(tools=tools, **ask("use a tool")) as stream:
        answer = stream.get_final_message()
    block = answer.content[0]
    expect((block.type, block.name, block.input), ("tool_use", "list_files", {}))
    expect(answer.stop_reason, "tool_use")


def count_tokens():
    message = {"role": "user", "content": "say hi"}
    count = client().messages.count_tokens(model=MODEL, messages=[message])
    assert count.input_tokens > 0, count


def models():
    names = [model.id for model in client().models.list()]
    assert MODEL in names, names


def wrong_key():
    expect_error(
        anthropic.AuthenticationError, lambda: client(WRONG_KEY).messages.create(**ask())
    )


def unknown_model():
    error = expect_error(
        (anthropic.NotFoundError, anthropic.BadRequestError),
        lambda: client().messages.create(**ask(model=UNKNOWN_MODEL)),
    )
    expect(error.body["type"], "error")
    assert UNKNOWN_MODEL in error.body["error"]["message"], error.body


run({case.__name__: case for case in (
    messages, messages_stream, tool_stream, count_tokens, models, wrong_key, unknown_model,
)})
