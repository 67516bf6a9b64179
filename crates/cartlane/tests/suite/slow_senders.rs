//! Senders that dribble hold up nobody, and don't stay.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::common::{House, Setup, http, payload, wait_for};

const SENDERS: usize = 200;

/// The head of a delivery whose body never comes to an end.
fn head_of_a_delivery(length: usize) -> String {
    let path = House::hook_path();
    format!(
        "POST {path} HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    )
}

#[test]
fn two_hundred_senders_that_dribble_hold_up_nobody_and_are_let_go() {
    let house = House::open();
    let mut slow: Vec<TcpStream> = (0..SENDERS).map(|_| http::connect(house.address)).collect();
    for stream in slow.iter_mut().skip(1).step_by(2) {
        stream
            .write_all(head_of_a_delivery(10_000).as_bytes())
            .expect("a head");
    }
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let mut dribble: Vec<TcpStream> = slow
            .iter()
            .map(|stream| stream.try_clone().expect("a handle"))
            .collect();
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                for stream in &mut dribble {
                    let _ = stream.write_all(b"P"); // in the head or in the body; the server may have hung up
                }
                thread::sleep(Duration::from_secs(1));
            }
            drop(dribble);
        });
        for number in 0..5 {
            assert_eq!(house.deliver(&payload::order(number)).status, 200);
        }
        // `read` returns when the server has closed the connection; it waits no longer than a minute.
        let mut slow = slow.into_iter();
        while let (Some(in_head), Some(in_body)) = (slow.next(), slow.next()) {
            let answer = http::read(in_body);
            assert_eq!(answer.status, 408, "{answer:?}");
            let answer = http::read(in_head);
            assert!([0, 408].contains(&answer.status), "{answer:?}");
        }
        assert_eq!(house.deliver(&payload::order(9)).status, 200);
        over.store(true, Ordering::Relaxed);
    });
    assert_eq!(house.events(&[]).len(), 6, "nothing became of the others");
}

#[test]
fn body_that_is_too_large_is_refused_before_it_is_sent() {
    let house = House::open();
    let mut stream = http::connect(house.address);
    stream
        .write_all(head_of_a_delivery(2 << 20).as_bytes())
        .expect("a head");
    let answer = http::read(stream); // not a byte of the body was sent
    assert_eq!(answer.status, 413, "{answer:?}");
    assert!(answer.body.contains("limits.body_bytes"), "{answer:?}");

    let mut stream = http::connect(house.address);
    let path = House::hook_path();
    let head = format!("POST {path} HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n");
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x1_0000));
    let sent = stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(chunk.repeat(17).as_bytes()));
    drop(sent); // the server may hang up before the end
    let answer = http::read(stream);
    assert_eq!(answer.status, 413, "its length was not announced: {answer:?}");
    assert_eq!(house.deliver(&payload::order(1)).status, 200);
}

#[test]
fn memory_that_unfinished_bodies_fill_is_told_as_503_and_free_again_when_they_go() {
    let house = House::with(Setup {
        limits: "inbox_bytes = 300000",
        ..Setup::default()
    });
    let mut tree = payload::order_tree(1);
    tree["remarks"] = "x".repeat(90_000).into();
    let delivery = tree.to_string();
    let mut unfinished: Vec<TcpStream> = Vec::new();
    let refused = wait_for("a refusal", || {
        let mut stream = http::connect(house.address);
        let most = head_of_a_delivery(100_000) + &delivery;
        stream.write_all(most.as_bytes()).expect("most of a delivery");
        unfinished.push(stream);
        let answer = house.deliver(&delivery);
        (answer.status != 200).then_some(answer)
    });
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(refused.head.contains("retry-after: "), "{refused:?}");
    assert_eq!(
        house.deliver(&payload::order(2)).status,
        200,
        "there is room for a small one"
    );
    drop(unfinished);
    wait_for("room again", || {
        (house.deliver(&delivery).status == 200).then_some(())
    });
}
