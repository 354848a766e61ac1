//! A whole answer, read.

use super::super::event::Event;
use super::super::typed::Unreadable;
use super::item::{ItemIn, ResponseIn, Seams, failure, tell_end};

pub fn read_answer(body: &[u8], tell: &mut dyn FnMut(Event<'_>)) -> Result<(), Unreadable> {
    let unreadable = |error: serde_json::Error| Unreadable(error.to_string());
    let response: ResponseIn<'_> = serde_json::from_slice(body).map_err(unreadable)?;
    let Some(output) = response.output else {
        if response.error.is_none() {
            return Err(Unreadable("output: missing".to_owned()));
        }
        tell(Event::Failed(failure(response.error.as_ref(), None, "")));
        return Ok(());
    };
    let items: Vec<ItemIn<'_>> = serde_json::from_str(output.get())
        .map_err(|error| Unreadable(format!("output: {error}")))?;
    tell_items(&items, &mut Seams::default(), tell);
    tell_end(&response, "completed", tell);
    Ok(())
}

/// Tells all items of an answer.
pub fn tell_items(items: &[ItemIn<'_>], seams: &mut Seams, tell: &mut dyn FnMut(Event<'_>)) {
    for (slot, item) in (0..).zip(items) {
        let call = item.call_input();
        if let Some(input) = call {
            seams.cut();
            item.tell_call(slot, input, tell);
        }
        item.tell_content(slot, seams, tell);
        if call.is_some() {
            tell(Event::CallDone { slot });
        }
    }
}
