//! What a client understands of an answer, by its own dialect's rules: written apart from the gateway's
//! readers, so that the two cannot share a mistake.

use serde_json::Value;

use super::Dialect;

/// An answer, understood.
#[derive(Debug, Default)]
pub struct Said {
    pub text: String,
    pub calls: Vec<Call>,
    /// `end`, `tools`, `error`, or the dialect's own word.
    pub stop: String,
    pub model: Option<String>,
    pub input: u64,
    pub output: u64,
}

#[derive(Debug, Default)]
pub struct Call {
    pub id: String,
    pub name: String,
    pub input: Value,
}

fn frames(body: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8(body.to_vec()).expect("a stream is text").replace("\r\n", "\n");
    let frame = |block: &str| {
        let field = |name: &str| {
            let line = block.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_default().trim_start().to_owned()
        };
        (field("event:"), field("data:"))
    };
    text.split("\n\n").filter(|block| !block.trim().is_empty()).map(frame).collect()
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn index_of(event: &Value) -> Option<usize> {
    usize::try_from(event["index"].as_u64()?).ok()
}

fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"))
}

pub fn read_stream(client: Dialect, body: &[u8]) -> Said {
    let frames = frames(body);
    match client {
        Dialect::Anthropic => anthropic(&frames),
        Dialect::Chat => chat(&frames),
        Dialect::Responses => responses(&frames),
        Dialect::Gemini => gemini(frames.iter().map(|(_, data)| parsed(data))),
    }
}

pub fn read_whole(client: Dialect, body: &Value) -> Said {
    match client {
        Dialect::Anthropic => whole_anthropic(body),
        Dialect::Chat => whole_chat(body),
        Dialect::Responses => whole_responses(body),
        Dialect::Gemini => gemini([body.clone()].into_iter()),
    }
}

fn anthropic(frames: &[(String, String)]) -> Said {
    let mut said = Said::default();
    let mut blocks: Vec<(Value, String)> = Vec::new();
    let mut open = None;
    let mut ended = false;
    for (name, data) in frames {
        assert!(!ended, "nothing behind message_stop: {data}");
        let data = parsed(data);
        assert_eq!(*name, text_of(&data["type"]), "SDKs go by the name");
        match name.as_str() {
            "message_start" => {
                said.model = Some(text_of(&data["message"]["model"]));
                assert_eq!(data["message"]["role"], "assistant");
            }
            "content_block_start" => {
                assert_eq!(data["index"], blocks.len(), "indexes are contiguous");
                assert!(open.replace(blocks.len()).is_none(), "one block at a time");
                blocks.push((data["content_block"].clone(), String::new()));
            }
            "content_block_delta" => {
                assert_eq!(index_of(&data), open, "opened before use");
                let delta = &data["delta"];
                let piece = ["text", "partial_json", "thinking"].map(|key| text_of(&delta[key]));
                if let Some((_, content)) = blocks.last_mut() {
                    *content += &piece.concat();
                }
            }
            "content_block_stop" => {
                assert_eq!(index_of(&data), open.take());
            }
            "message_delta" => {
                said.stop = match data["delta"]["stop_reason"].as_str().unwrap() {
                    "end_turn" => "end".to_owned(),
                    "tool_use" => "tools".to_owned(),
                    other => other.to_owned(),
                };
                said.output = data["usage"]["output_tokens"].as_u64().unwrap();
            }
            "message_stop" => ended = true,
            "error" => {
                "error".clone_into(&mut said.stop);
                ended = true;
            }
            "ping" => {}
            other => panic!("unknown event {other}"),
        }
    }
    assert!(ended, "the stream has an end");
    for (block, content) in blocks {
        match block["type"].as_str().unwrap() {
            "text" => said.text += &content,
            "tool_use" => said.calls.push(Call {
                id: text_of(&block["id"]),
                name: text_of(&block["name"]),
                input: if content.is_empty() { block["input"].clone() } else { parsed(&content) },
            }),
            "thinking" => {}
            other => panic!("unknown block {other}"),
        }
    }
    said
}

fn chat(frames: &[(String, String)]) -> Said {
    let mut said = Said::default();
    let mut arguments: Vec<String> = Vec::new();
    let mut done = false;
    for (name, data) in frames {
        assert!(name.is_empty() && !done, "no names, and nothing behind [DONE]");
        if data == "[DONE]" {
            done = true;
            continue;
        }
        let data = parsed(data);
        if data.get("error").is_some() {
            "error".clone_into(&mut said.stop);
            return said;
        }
        said.model = Some(text_of(&data["model"]));
        if let Some(usage) = data["usage"].as_object() {
            said.output = usage["completion_tokens"].as_u64().unwrap();
        }
        let Some(choice) = data["choices"].get(0) else { continue };
        said.text += &text_of(&choice["delta"]["content"]);
        for call in choice["delta"]["tool_calls"].as_array().into_iter().flatten() {
            let index = index_of(call).unwrap();
            if index == said.calls.len() {
                said.calls.push(Call {
                    id: text_of(&call["id"]),
                    name: text_of(&call["function"]["name"]),
                    input: Value::Null,
                });
                arguments.push(String::new());
            }
            arguments[index] += &text_of(&call["function"]["arguments"]);
        }
        if let Some(reason) = choice["finish_reason"].as_str() {
            said.stop = match reason {
                "stop" => "end".to_owned(),
                "tool_calls" => "tools".to_owned(),
                other => other.to_owned(),
            };
        }
    }
    assert!(done, "the stream ends with [DONE]");
    for (call, arguments) in said.calls.iter_mut().zip(arguments) {
        call.input = parsed(&arguments);
    }
    said
}

fn responses(frames: &[(String, String)]) -> Said {
    let mut deltas = String::new();
    for (number, (name, data)) in frames.iter().enumerate() {
        let data = parsed(data);
        assert_eq!(*name, text_of(&data["type"]));
        assert_eq!(data["sequence_number"], number, "numbered from 0, one by one");
        match name.as_str() {
            "response.output_text.delta" => deltas += &text_of(&data["delta"]),
            "response.completed" | "response.incomplete" => {
                assert_eq!(number, frames.len() - 1, "nothing behind the end");
                let said = whole_responses(&data["response"]);
                assert_eq!(said.text, deltas, "deltas and whole say the same");
                return said;
            }
            "error" | "response.failed" => {
                return Said { text: deltas, stop: "error".to_owned(), ..Said::default() };
            }
            _ => {}
        }
    }
    panic!("the stream has no end");
}

fn gemini(chunks: impl Iterator<Item = Value>) -> Said {
    let mut said = Said::default();
    for chunk in chunks {
        if chunk.get("error").is_some() {
            "error".clone_into(&mut said.stop);
            return said;
        }
        said.model = chunk["modelVersion"].as_str().map(str::to_owned);
        let candidate = &chunk["candidates"][0];
        for part in candidate["content"]["parts"].as_array().into_iter().flatten() {
            if part["thought"] != true {
                said.text += &text_of(&part["text"]);
            }
            if let Some(call) = part.get("functionCall") {
                said.calls.push(Call {
                    id: text_of(&call["id"]),
                    name: text_of(&call["name"]),
                    input: call["args"].clone(),
                });
            }
        }
        if let Some(reason) = candidate["finishReason"].as_str() {
            said.stop = match reason {
                "STOP" if said.calls.is_empty() => "end".to_owned(),
                "STOP" => "tools".to_owned(),
                other => other.to_owned(),
            };
        }
        let usage = &chunk["usageMetadata"];
        said.input = usage["promptTokenCount"].as_u64().unwrap_or(said.input);
        said.output = usage["candidatesTokenCount"].as_u64().unwrap_or(said.output);
    }
    said
}

fn whole_anthropic(body: &Value) -> Said {
    let mut said = Said { model: body["model"].as_str().map(str::to_owned), ..Said::default() };
    for block in body["content"].as_array().unwrap() {
        said.text += &text_of(&block["text"]);
        if block["type"] == "tool_use" {
            said.calls.push(Call {
                id: text_of(&block["id"]),
                name: text_of(&block["name"]),
                input: block["input"].clone(),
            });
        }
    }
    said.stop = match body["stop_reason"].as_str().unwrap() {
        "end_turn" => "end".to_owned(),
        "tool_use" => "tools".to_owned(),
        other => other.to_owned(),
    };
    let usage = |name: &str| body["usage"][name].as_u64().unwrap_or(0);
    said.input = usage("input_tokens") + usage("cache_read_input_tokens");
    said.output = usage("output_tokens");
    said
}

fn whole_chat(body: &Value) -> Said {
    let choice = &body["choices"][0];
    let calls = choice["message"]["tool_calls"].as_array().into_iter().flatten();
    Said {
        text: text_of(&choice["message"]["content"]),
        calls: calls
            .map(|call| Call {
                id: text_of(&call["id"]),
                name: text_of(&call["function"]["name"]),
                input: parsed(call["function"]["arguments"].as_str().unwrap()),
            })
            .collect(),
        stop: match choice["finish_reason"].as_str().unwrap() {
            "stop" => "end".to_owned(),
            "tool_calls" => "tools".to_owned(),
            other => other.to_owned(),
        },
        model: body["model"].as_str().map(str::to_owned),
        input: body["usage"]["prompt_tokens"].as_u64().unwrap(),
        output: body["usage"]["completion_tokens"].as_u64().unwrap(),
    }
}

fn whole_responses(body: &Value) -> Said {
    let mut said = Said { model: body["model"].as_str().map(str::to_owned), ..Said::default() };
    for item in body["output"].as_array().unwrap() {
        match item["type"].as_str().unwrap() {
            "message" => {
                for part in item["content"].as_array().unwrap() {
                    said.text += &text_of(&part["text"]);
                }
            }
            "function_call" => {
                assert_ne!(item["id"], item["call_id"], "an item's id is not its call's");
                said.calls.push(Call {
                    id: text_of(&item["call_id"]),
                    name: text_of(&item["name"]),
                    input: parsed(item["arguments"].as_str().unwrap()),
                });
            }
            "reasoning" => {}
            other => panic!("unknown item {other}"),
        }
    }
    said.stop = match (body["status"].as_str().unwrap(), said.calls.is_empty()) {
        ("completed", true) => "end".to_owned(),
        ("completed", false) => "tools".to_owned(),
        (other, _) => other.to_owned(),
    };
    said.input = body["usage"]["input_tokens"].as_u64().unwrap_or(0);
    said.output = body["usage"]["output_tokens"].as_u64().unwrap_or(0);
    said
}
