use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// What awc's codec reads of an answer that comes in two pieces.
async fn read_in_two_pieces(listener: &TcpListener, answer: &[u8], cut: usize) -> Vec<u8> {
    let socket = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    socket.set_nodelay(true).unwrap();
    let (mut upstream, _) = listener.accept().await.unwrap();
    upstream.set_nodelay(true).unwrap();
    let mut wire = Wire::new(Socket::Plain(socket));
    wire.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    upstream.read_exact(&mut [0; 18]).await.unwrap(); // unread, it would make the end a reset
    let (first, second) = answer.split_at(cut);
    let says = async {
        upstream.write_all(first).await.unwrap();
        for _ in 0..20 {
            tokio::task::yield_now().await; // the reader's turn
        }
        upstream.write_all(second).await.unwrap();
        drop(upstream);
    };
    let reads = async {
        let mut read = Vec::new();
        let error = wire.read_to_end(&mut read).await.unwrap_err();
        assert!(ClosedByUpstream::is_cause_of(&error), "the end is told as what it is");
        read
    };
    tokio::join!(says, reads).1
}

#[actix_web::test]
async fn an_answer_reads_the_same_wherever_it_is_cut() {
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
         "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",      "as it is"),
        ("HTTP/1.1 200 OK\r\n\r\nok",
         "HTTP/1.0 200 OK\r\n\r\nok",                           "ends with the connection"),
        ("HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 100 Go\r\n\r\nHTTP/1.1 204 No\r\n\r\n",
         "HTTP/1.1 204 No\r\n\r\n",                             "interim answers are left out"),
    ];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for (answer, expected, why) in cases {
        for cut in 0..=answer.len() {
            let read = read_in_two_pieces(&listener, answer.as_bytes(), cut).await;
            assert_eq!(String::from_utf8_lossy(&read), expected, "cut at {cut}: {why}");
        }
    }
}

#[test]
fn an_answer_is_at_an_end_however_it_was_cut() {
    const SIZED: &str = "HTTP/1.1 200 X\r\ncontent-length: 2\r\n\r\nok";
    const CHUNKED: &str =
        "HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (SIZED.to_owned(),                       true,  "all of it"),
        (SIZED.to_owned() + "H",                 false, "one byte more"),
        (SIZED[..SIZED.len() - 1].to_owned(),    false, "one byte less"),
        (CHUNKED.to_owned(),                     true,  "all of it"),
        (CHUNKED.to_owned() + "H",               false, "one byte more"),
        (CHUNKED[..CHUNKED.len() - 2].to_owned(), false, "the last line is missing"),
    ];
    for (answer, expected, why) in cases {
        for piece in [1, 2, 3, 4, 5, 7, 1024] {
            let mut extent = Extent::of(answer.as_bytes(), false);
            answer.as_bytes().chunks(piece).for_each(|bytes| extent.pass(bytes));
            assert_eq!(extent.is_at_an_end(), expected, "{why}, in pieces of {piece}");
        }
    }
}
