//! However the network cuts a stream, in the middle of a character too, the client's bytes are the
//! same.

use super::*;

/// A stream of one dialect, for all others: cut once at each place, and in small pieces throughout.
fn assert_same_at_any_cut(upstream: Dialect, names: [&str; 2]) {
    for (name, _, stream) in STREAMS.into_iter().filter(|(name, ..)| names.contains(name)) {
        for client in ALL.into_iter().filter(|client| *client != upstream) {
            let whole = translated(upstream, client, [stream]);
            for cut in 1..stream.len() {
                let (head, tail) = stream.split_at(cut);
                let told = translated(upstream, client, [head, tail]);
                assert!(told == whole, "{name} for {client} cut at {cut}: {}", text(&told));
            }
            for size in [1, 7, 11] {
                let told = translated(upstream, client, stream.chunks(size));
                assert!(told == whole, "{name} for {client} in pieces of {size}: {}", text(&told));
            }
        }
    }
}

#[test]
fn anthropic_is_the_same_at_any_cut_for_every_client() {
    assert_same_at_any_cut(Anthropic, ["a02", "a04"]);
}

#[test]
fn chat_is_the_same_at_any_cut_for_every_client() {
    assert_same_at_any_cut(Chat, ["c02", "c04"]);
}

#[test]
fn responses_is_the_same_at_any_cut_for_every_client() {
    assert_same_at_any_cut(Responses, ["r02", "r04"]);
}

#[test]
fn gemini_is_the_same_at_any_cut_for_every_client() {
    assert_same_at_any_cut(Gemini, ["g02", "g05"]);
}

/// An emoji is four bytes: each cut inside it, for every pair.
#[test]
fn an_emoji_is_whole_wherever_it_is_cut() {
    for (name, upstream, stream) in STREAMS {
        if !matches!(name, "a02" | "c02" | "r02" | "g02") {
            continue;
        }
        let emoji = text(stream).find('🗼').unwrap();
        for client in ALL.into_iter().filter(|client| *client != upstream) {
            for cut in emoji + 1..emoji + 4 {
                let (before, behind) = stream.split_at(cut);
                let told = translated(upstream, client, [before, behind]);
                let heard = understood(client, &told).unwrap();
                let says = ["says The capital of France is Paris. 🗼"];
                assert_eq!(sketch_blocks(&heard.blocks), says, "{name} for {client} at {cut}");
            }
        }
    }
}
