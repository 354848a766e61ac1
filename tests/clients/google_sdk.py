"""The official Google Gen AI SDK for Python against the gateway's direct routes."""

import functools

from google import genai
from google.genai import errors, types

import sdk
from sdk import (
    ANSWER, ARGUMENTS, KEY, MISSING_MODEL, RESULT, SCHEMA, TOOL, UNKNOWN_MODEL, URL, USE_TOOL,
    WRONG_KEY, expect, expect_error, expect_pieces, expect_tool_talk, run,
)

MODEL = sdk.MODEL or "gemini-demo"


@functools.cache  # a client that is not kept is closed before its models are called
def client(key=KEY):
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=URL, timeout=20_000))


def generate_content():
    answer = client().models.generate_content(model=MODEL, contents="say hi")
    expect(answer.text, ANSWER)
    expect(answer.candidates[0].finish_reason, types.FinishReason.STOP)


def generate_content_stream():
    chunks = list(client().models.generate_content_stream(model=MODEL, contents="say hi"))
    expect_pieces([chunk.text for chunk in chunks], ANSWER)
    expect(chunks[-1].candidates[0].finish_reason, types.FinishReason.STOP)


def function_call():
    function = types.FunctionDeclaration(name="list_files", description="Lists files")
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=[function])],
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )
    answer = client().models.generate_content(
        model=MODEL, contents="use a tool", config=config
    )
    expect([(call.name, call.args) for call in answer.function_calls], [("list_files", {})])


def tool_turn():
    def whole(asked):
        answer = client().models.generate_content(**asked)
        return answer.candidates[0].content.parts, answer.usage_metadata

    expect_tool_turn(whole)


def tool_turn_stream():
    def streamed(asked):
        chunks = list(client().models.generate_content_stream(**asked))
        contents = [candidate.content for chunk in chunks for candidate in chunk.candidates or []]
        parts = [part for content in contents if content for part in content.parts or []]
        return parts, chunks[-1].usage_metadata

    expect_tool_turn(streamed)


def expect_tool_turn(parts_for):
    """The model calls the tool, is given its result, and talks about it."""
    function = types.FunctionDeclaration(
        name=TOOL, description="Runs a command", parameters_json_schema=SCHEMA
    )
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=[function])],
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )
    said = types.Content(role="user", parts=[types.Part(text=USE_TOOL)])
    asked = {"model": MODEL, "contents": [said], "config": config}
    called, usage = parts_for(asked)
    (part,) = [part for part in called if part.function_call]
    call = part.function_call
    expect((call.name, call.args), (TOOL, ARGUMENTS))
    assert usage.prompt_token_count > 0 and usage.candidates_token_count > 0, usage
    result = types.FunctionResponse(id=call.id, name=TOOL, response={"output": RESULT})
    asked["contents"] += [
        types.Content(role="model", parts=[part]),
        types.Content(role="user", parts=[types.Part(function_response=result)]),
    ]
    told, _ = parts_for(asked)
    expect_tool_talk("".join(part.text or "" for part in told))


def missing_model():
    error = expect_error(errors.ClientError, lambda: client().models.generate_content(
        model=MISSING_MODEL, contents="say hi"
    ))
    expect((error.code, error.status), (404, "NOT_FOUND"))


def count_tokens():
    count = client().models.count_tokens(model=MODEL, contents="say hi")
    assert count.total_tokens > 0, count


def wrong_key():
    error = expect_error(errors.APIError, lambda: client(WRONG_KEY).models.generate_content(
        model=MODEL, contents="say hi"
    ))
    assert error.code in (400, 401), error


def unknown_model():
    error = expect_error(errors.ClientError, lambda: client().models.generate_content(
        model=UNKNOWN_MODEL, contents="say hi"
    ))
    assert error.code in (400, 404), error
    assert UNKNOWN_MODEL in error.message, error


run({case.__name__: case for case in (
    generate_content, generate_content_stream, function_call, tool_turn, tool_turn_stream,
    missing_model, count_tokens, wrong_key, unknown_model,
)})
