"""The official Anthropic SDK for Python against the gateway's direct routes."""

import anthropic

import sdk
from sdk import (
    ANSWER, ARGUMENTS, KEY, MISSING_MODEL, RESULT, SCHEMA, TOOL, UNKNOWN_MODEL, URL, USE_TOOL,
    WRONG_KEY, expect, expect_error, expect_pieces, expect_tool_talk, run,
)

MODEL = sdk.MODEL or "claude-demo"


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


def tool_turn():
    expect_tool_turn(lambda asked: client().messages.create(**asked))


def tool_turn_stream():
    def streamed(asked):
        with client().messages.stream(**asked) as stream:
            return stream.get_final_message()

    expect_tool_turn(streamed)


def expect_tool_turn(answer_to):
    """The model calls the tool, is given its result, and talks about it."""
    tool = {"name": TOOL, "description": "Runs a command", "input_schema": SCHEMA}
    asked = {**ask(USE_TOOL), "tools": [tool]}
    called = answer_to(asked)
    (call,) = [block for block in called.content if block.type == "tool_use"]
    expect((call.name, call.input, called.stop_reason), (TOOL, ARGUMENTS, "tool_use"))
    assert called.usage.input_tokens > 0 and called.usage.output_tokens > 0, called.usage
    result = {"type": "tool_result", "tool_use_id": call.id, "content": RESULT}
    asked["messages"] += [
        {"role": "assistant", "content": called.content},
        {"role": "user", "content": [result]},
    ]
    told = answer_to(asked)
    expect(told.stop_reason, "end_turn")
    expect_tool_talk(told.content[0].text)


def missing_model():
    error = expect_error(
        anthropic.NotFoundError,
        lambda: client().messages.create(**ask(model=MISSING_MODEL)),
    )
    expect((error.body["type"], error.body["error"]["type"]), ("error", "not_found_error"))


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
    messages, messages_stream, tool_stream, tool_turn, tool_turn_stream, missing_model,
    count_tokens, models, wrong_key, unknown_model,
)})
