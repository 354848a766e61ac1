"""The official Google Gen AI SDK for Python against the gateway's direct routes."""

import functools

from google import genai
from google.genai import errors, types

from sdk import ANSWER, KEY, UNKNOWN_MODEL, URL, WRONG_KEY, expect, expect_error, expect_pieces, run

MODEL = "gemini-demo"


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
    generate_content, generate_content_stream, function_call, count_tokens, wrong_key,
    unknown_model,
)})
