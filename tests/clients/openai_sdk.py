"""The official OpenAI SDK for Python against the gateway's direct routes."""

import json

import openai

import sdk
from sdk import (
    ANSWER, ARGUMENTS, KEY, MISSING_MODEL, RESULT, SCHEMA, TOOL, UNKNOWN_MODEL, URL, USE_TOOL,
    WRONG_KEY, expect, expect_error, expect_pieces, expect_tool_talk, run,
)

MODEL = sdk.MODEL or "gpt-demo"
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


def chat_tool_turn():
    expect_chat_tool_turn(
        lambda asked: client().chat.completions.create(**asked).choices[0]
    )


def chat_tool_turn_stream():
    def streamed(asked):
        with client().chat.completions.stream(**asked) as stream:
            return stream.get_final_completion().choices[0]

    expect_chat_tool_turn(streamed)


def expect_chat_tool_turn(choice_for):
    """The model calls the tool, is given its result, and talks about it."""
    function = {"name": TOOL, "parameters": SCHEMA}
    messages = [{"role": "user", "content": USE_TOOL}]
    asked = {
        "model": MODEL, "messages": messages, "tools": [{"type": "function", "function": function}],
    }
    called = choice_for(asked)
    (call,) = called.message.tool_calls
    expect((call.function.name, called.finish_reason), (TOOL, "tool_calls"))
    expect(json.loads(call.function.arguments), ARGUMENTS)
    function = {"name": TOOL, "arguments": call.function.arguments}
    call_again = {"id": call.id, "type": "function", "function": function}
    messages += [
        {"role": "assistant", "tool_calls": [call_again]},
        {"role": "tool", "tool_call_id": call.id, "content": RESULT},
    ]
    told = choice_for(asked)
    expect(told.finish_reason, "stop")
    expect_tool_talk(told.message.content)


def chat_missing_model():
    expect_missing_model(
        lambda: client().chat.completions.create(model=MISSING_MODEL, messages=SAID)
    )


def responses_tool_turn():
    expect_responses_tool_turn(lambda asked: client().responses.create(**asked))


def responses_tool_turn_stream():
    def streamed(asked):
        with client().responses.stream(**asked) as stream:
            return stream.get_final_response()

    expect_responses_tool_turn(streamed)


def expect_responses_tool_turn(answer_to):
    """The model calls the tool, is given its result, and talks about it."""
    tool = {"type": "function", "name": TOOL, "parameters": SCHEMA, "strict": False}
    asked = {"model": MODEL, "input": [{"role": "user", "content": USE_TOOL}], "tools": [tool]}
    called = answer_to(asked)
    (call,) = [item for item in called.output if item.type == "function_call"]
    expect((call.name, json.loads(call.arguments)), (TOOL, ARGUMENTS))
    expect((called.status, call.status), ("completed", "completed"))
    assert called.usage.input_tokens > 0 and called.usage.output_tokens > 0, called.usage
    call_again = {
        "type": "function_call", "call_id": call.call_id, "name": TOOL, "arguments": call.arguments,
    }
    result = {"type": "function_call_output", "call_id": call.call_id, "output": RESULT}
    asked["input"] += [call_again, result]
    expect_tool_talk(answer_to(asked).output_text)


def responses_missing_model():
    expect_missing_model(lambda: client().responses.create(model=MISSING_MODEL, input="say hi"))


def expect_missing_model(call):
    error = expect_error(openai.NotFoundError, call)
    # The code is the provider's own word, whoever it is.
    expect(error.body["type"], "invalid_request_error")
    assert "does not exist" in error.body["message"], error.body


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
    chat, chat_stream, chat_tool, chat_tool_turn, chat_tool_turn_stream, chat_missing_model,
    responses, responses_stream, responses_tool_turn, responses_tool_turn_stream,
    responses_missing_model, completions, completions_stream, models, wrong_key, unknown_model,
)})
